"""Who is in a share group (KIP-932), and which partitions each member looks at: several may look at the same."""
