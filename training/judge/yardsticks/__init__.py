"""What a network is set beside: simpler models, committees, published heads, people's agreement.

None of them is a part of the network; each is judged on the same folds by the same figures.
"""
