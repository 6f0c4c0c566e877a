"""Load tests that give a verdict: Locust scenarios, and gates on latency, caching and pooling.

Read from the outside in:

    __main__.py    python -m loadtests: run, seed, work, compare
    running.py     one run from start to verdict: the order of things
    scenarios/     one file each: dataset, who does what when, and the gates
    scenario.py    the words in which those files are written
    gates.py       what a figure may be, and what came of it
    figures.py     the figures gates speak of
    evidence.py    what a run has left behind, as gates read it
    expecting.py   what caches should have answered, played through from the dataset
    popularity.py  who is asked for how often (Zipf)
    subject.py     what is tested; Signet and its stores, started for the run
    deployment.py  or the deployment that was named, and what a scenario presumes of it
    replicas.py    the replicas behind names, once they are ready; asking.py asks them
    slowing.py     a database that answers later
    seeding.py     people and sessions by COPY
    hashing.py     what a password check costs here
    people.py      who they are: the same number is always the same person
    purse.py       their tokens, made with the deployment's own secret
    measuring.py   scrapes of every replica, connections in Postgres, statements
    exposition.py  one scrape, parsed
    generating.py  the generator's process: Locust, alone, as master or as worker
    dealing.py     which worker gets which users
    world.py       what every simulated user knows: the plan, the time, the purse, the tally
    crowds/        the simulated users
    plans.py       what the generator is told
    tally.py       latencies by second, request and outcome, small enough to send around
    telling.py     what Prometheus is told of a run; listening.py is the port where it asks
    reporting.py   HTML, JSON and Markdown; drawing.py chooses the plots, plots.py draws them
    comparing.py   two reports side by side

Only generating, dealing and crowds import Locust: it replaces the standard library's sockets by its own.
"""
