"""What a person starts: one module an entry point of MLproject.

Ties the other rooms together; nothing imports it.
"""
