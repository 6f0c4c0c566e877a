"""The real PostgreSQL and Valkey that `make up` and the tests stand on, out of wheels, without Docker or root.

Read from the outside in:

    __main__.py     python -m local: everything on, until Ctrl-C
    up.py           the order in which things start and stop, and what is said meanwhile
    signet.py       the service's own commands: what each is told, and how it is called
    stores.py       running(folder): both stores for a test or a program
    postgres.py     making, opening and describing a PostgreSQL          valkey.py   the same for Valkey
    server.py       a server one can start, stop, kill, freeze and thaw
    children.py     processes that end with us, however we end           keeper.py   what ends them
    processes.py    who is alive and whose child is whose                identity.py which user a server runs as
    folder.py       the data folder: one owner at a time, private files, remembered ports
    patience.py     waiting with a deadline, which a requested stop ends  terminal.py what a person sees
    wheels.py       where the servers are installed                       virtualenv.py what make calls first

Nothing in `service` imports this package, and nothing here imports more than the standard library.
"""
