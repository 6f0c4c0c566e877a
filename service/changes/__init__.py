"""What every replica must hear of: appended in a transaction, announced after it, followed by all."""
