"""Housekeeping: what nobody needs any longer is deleted, in small batches, by whichever replica comes first."""
