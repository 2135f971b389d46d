"""The journal: state becomes durable in groups, in a process of its own (`sip.ports.Journal`).

    reactor process                                    writer process
    client   write() -> queue -> batch -> marshal ---> frames -> batch -> one transaction
             done()  <- in order of writes       <---- answer

- `client`: the queue, the batches, the answers; what the server talks to
- `sent`: what the client has sent and waits for, and what it owes
- `process`: starts the writer, speaks frames with it over a socket pair, knows when it is gone
- `writer`: the other side; `python -m presence.storage.journal.writer`
- `batch`: how a batch becomes statements
- `frames`: how both sides talk
- `statistics`: what it cost

Why a process: a commit inside the event loop stops everybody for a disk, and a writer thread fights the loop
for the interpreter (batches fall from 200 records to 17, a PUBLISH costs twice as much).  Why marshal: half a
microsecond a record, and both ends are the same interpreter.
"""
