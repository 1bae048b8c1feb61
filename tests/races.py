"""Several writers at once, each on a thread and a connection of its own."""

import threading

import models

ROUNDS = 12


def at_once(*jobs):
    """Run each job on a thread of its own, with its own connection; the errors that came out."""
    faults = []

    def run(job):
        try:
            with models.database.connection_context():
                for n in range(ROUNDS):
                    job(n)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults
