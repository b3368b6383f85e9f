"""Tandem: a business write has an identity, an outcome and a proof, whichever channel carried it."""
