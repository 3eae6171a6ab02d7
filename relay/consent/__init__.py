"""What a participant said yes to, and what follows: policy, receipt, allowlist, gate, notice.

Pure: `now`, randomness and signature checks are arguments.
"""
