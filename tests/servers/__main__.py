"""
Say which servers tests would use, or run one until Ctrl-C; nothing of it is kept.

    python -m tests.servers                     what would be used
    python -m tests.servers postgres [PORT]     start a PostgreSQL, print a URL for `ledger migrate`
    python -m tests.servers kafka [PORT]        start a broker, print its address
    python -m tests.servers fetch               fetch Kafka; ends with 69 where Maven Central does not answer
"""

from __future__ import annotations

import signal
import sys

from tests.servers import FailedToStart, Unavailable, Unusable, chosen, kafka, kept, maven, postgres

_NO_ANSWER = 69


def main(words: list[str]) -> int:
    """Do what the words ask for."""
    # Whoever runs several programs side by side ends them with SIGTERM, and a shell may have them ignore SIGINT.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    try:
        match words:
            case []:
                print(f"postgresql: {chosen.postgres()}\nkafka: {chosen.kafka()}")
            case ["fetch"]:
                print(maven.fetched())
            case ["postgres", *port]:
                _run(postgres.server(_port(port)).url("ledger"))
            case ["kafka", *port]:
                _run(kafka.broker(_port(port)).bootstrap)
            case _:
                sys.stderr.write(f"{(__doc__ or '').strip()}\n")
                return 2
    except KeyboardInterrupt:
        return 0
    except (Unavailable, Unusable, FailedToStart) as reason:
        sys.stderr.write(f"{reason}\n")
        return _NO_ANSWER if isinstance(reason, maven.DoesNotAnswer) else 1
    finally:
        kept.end_all()
    return 0


def _port(words: list[str]) -> int | None:
    match words:
        case []:
            return None
        case [word] if word.isdecimal() and 0 < int(word) < 2**16:
            return int(word)
    raise Unusable("a port is a number below 65536")


def _run(address: str) -> None:
    print(address, flush=True)
    while True:
        signal.pause()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
