"""`devsession top`: a live picture of the boards, pools and sessions of this computer."""
