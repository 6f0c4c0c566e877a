"""python -m service: serve, dev, migrate, keys, users, check, openapi."""

from service.commands import main

if __name__ == "__main__":
    main()
