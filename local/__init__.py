"""The real PostgreSQL and Valkey that `make up` and the tests stand on, out of wheels, without Docker or root.

Read from the outside in:

    __main__.py    python -m local: everything on, until Ctrl-C
    up.py          the order in which things start and stop, and what is said meanwhile
    signet.py      the service's own commands: what each is told, and how it is called
    stores.py      running(folder): both stores for a test or a program
    postgres.py    a PostgreSQL and its databases
    quarters.py    where PostgreSQL can live: as which user, in which folder
    valkey.py      a Valkey
    faults.py      a TCP proxy in front of a store that does what networks do
    server.py      a server one can start, stop, kill, freeze and thaw
    children.py    processes that end with us, however we end
    keeper.py      what ends them
    identity.py    which user a server runs as
    processes.py   who is alive, and whose child is whose
    folder.py      the data folder: one owner at a time, private files, remembered ports
    patience.py    waiting with a deadline, which a requested stop ends
    terminal.py    what a person sees
    wheels.py      where the servers are installed
    refusals.py    the one way to say that something cannot be
    virtualenv.py  python -m local.virtualenv: what make calls first

Nothing in `service` imports this package, and nothing here imports more than the standard library.
"""
