"""The only door to strangers: HTTP, Microsoft's tokens, signers of notices, secrets at rest. No business
rules.
"""
