"""
Say which servers tests would use, or run one until Ctrl-C.

    python -m tests.servers                 what would be used
    python -m tests.servers postgres        start a PostgreSQL, print its URL
    python -m tests.servers kafka           start a broker, print its address
    python -m tests.servers ledger          start both, and every process of the Procfile on them
    python -m tests.servers fetch           fetch Kafka; ends with 69 where Maven Central does not answer
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

from tests.servers import FailedToStart, Unavailable, chosen, kafka, kept, maven, postgres

_NO_ANSWER = 69


def main(words: list[str]) -> int:
    """Do what one word asks for."""
    doing: dict[str, Callable[[], None]] = {"": _say, "postgres": _postgres, "kafka": _kafka, "ledger": _ledger, "fetch": _fetch}
    word = " ".join(words)
    if word not in doing:
        sys.stderr.write(f"{(__doc__ or '').strip()}\n")
        return 2
    try:
        doing[word]()
    except maven.DoesNotAnswer as reason:
        sys.stderr.write(f"{reason}\n")
        return _NO_ANSWER
    except (Unavailable, FailedToStart) as reason:
        sys.stderr.write(f"{reason}\n")
        return 1
    except KeyboardInterrupt:
        pass
    finally:
        kept.end_all()
    return 0


def _say() -> None:
    print(f"postgresql: {chosen.postgres()}")
    print(f"kafka: {chosen.kafka()}")


def _postgres() -> None:
    _run(postgres.server().url)


def _kafka() -> None:
    _run(lambda: kafka.broker().bootstrap)


def _ledger() -> None:
    """Run a whole scaled ledger on this machine; whatever of it dies is started again."""
    from tests.servers.stack import Stack, environment

    directory = kept.directory("ledger")
    print("starting PostgreSQL and Kafka …", flush=True)
    settings = environment(postgres.server().new_database(migrated=False), kafka.broker().bootstrap)
    with Stack(settings, directory, {"api": 2}) as stack:
        stack.start()
        key = stack.run("keys", "create", "--role", "operator", "--days", "1").splitlines()[0]
        print(f"The ledger answers at {' and '.join(stack.addresses)}, its API documented at {stack.addresses[0]}/docs")
        print(f"A key, shown this once and good for a day: {key} (operator)")
        print(f"What the processes say is in {directory}. The command line works on it in another terminal:")
        print("  export " + " ".join(f"{name}='{value}'" for name, value in settings.items()))
        print("Stop with Ctrl-C.", flush=True)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signal.pause()


def _fetch() -> None:
    print(maven.fetched())


def _run(address: Callable[[], str]) -> None:
    """Print where the server is, and wait to be told to end."""
    # Whoever runs several programs side by side ends them with SIGTERM.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(address(), flush=True)
    signal.pause()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
