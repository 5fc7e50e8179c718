"""The client of a share group (KIP-932): it takes records, hands them over, and says what became of them."""
