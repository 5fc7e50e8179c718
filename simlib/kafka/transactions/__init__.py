"""Transactions: the transaction coordinator, its messages, its effects and what it writes to its log."""
