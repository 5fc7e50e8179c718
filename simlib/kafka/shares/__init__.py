"""Share groups (KIP-932): members take records one by one, and answer for each; nobody owns a partition.

What has become of a record is known to the leader of its partition (`partition.py`, `serving.py`), and kept by the
share coordinator (`states.py`), so that another leader can go on.
"""
