"""`presentity dialrule ...`: rules of dialing at the terminal, whether the server runs or not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from tqdm import tqdm

from presence.cli.examples import examples
from presence.cli.files import read_text, write_text
from presence.cli.options import settings_of, where
from presence.cli.storage import opened
from presence.provisioning.dial_rules import bare_number, checked_kind
from presence.provisioning.dialing import KINDS, DialingRule, DialingService, ImportRefused

kind_option = click.option(
    "--kind",
    metavar="KIND",
    default="application",
    show_default=True,
    help="application (before dialling) or directory (before a look-up).",
)


@contextmanager
def service(context: click.Context, *, create: bool = False) -> Iterator[DialingService]:
    """The service over the database of this command line; `create`: which is made if there is none."""
    with opened(settings_of(context), create=create) as database:
        from presence.storage.dialing import SqlDialingRepository

        yield DialingService(SqlDialingRepository(database))


def fields(command: Any) -> Any:
    """The options for what a rule has, all of them None if they are not given."""
    for name, metavar, kind, text in reversed(
        (
            ("begins-with", "DIGITS", str, "Numbers that begin so; any number without."),
            ("digits", "N", int, "Numbers of that many digits; 0 is any length."),
            ("remove", "N", int, "Digits to take from the front."),
            ("prefix", "DIGITS", str, "What to put in front then."),
            ("priority", "N", int, "The lowest comes first; 1 without."),
            ("description", "TEXT", str, "What the rule is for."),
        )
    ):
        command = click.option(f"--{name}", metavar=metavar, type=kind, help=text)(command)
    return command


_ATTRIBUTES = {"digits": "number_of_digits", "remove": "digits_to_remove"}


def given(options: dict[str, Any]) -> dict[str, Any]:
    """What was given, by the names of a rule."""
    return {_ATTRIBUTES.get(name, name): value for name, value in options.items() if value is not None}


def said(rule: DialingRule) -> str:
    """A rule in words."""
    length = f"{rule.number_of_digits} digits" if rule.number_of_digits else "any length"
    begins = f"begins with {rule.begins_with}" if rule.begins_with else "begins with anything"
    return (
        f"rule {rule.name} ({KINDS[rule.kind]}, priority {rule.priority}): {begins}, {length},"
        f" removes {rule.digits_to_remove}, " + (f"prefix {rule.prefix}" if rule.prefix else "no prefix")
    )


def warn_of(rule: DialingRule) -> None:
    """Say what does not go together in a rule; it is kept all the same."""
    for fault in rule.faults():
        click.echo(f"presentity: warning: rule {rule.name}: {fault}", err=True)


@click.group(
    epilog=examples(
        "presentity dialrule add outside --begins-with 9 --digits 11 --remove 1 --prefix 00",
        "presentity dialrule test 91234567890",
    )
)
@where
def dialrule() -> None:
    """Add, change, list, try and import dialing rules (see docs/administration.md).

    By these rules clients change numbers. Those that are logged in are told of a change at once.
    """


@dialrule.command(
    epilog=examples("presentity dialrule add outside --begins-with 9 --digits 11 --remove 1 --prefix 00")
)
@click.argument("name", metavar="NAME")
@kind_option
@fields
@where
@click.pass_context
def add(context: click.Context, /, name: str, kind: str, **options: Any) -> None:
    """Add a rule."""
    rule = DialingRule(checked_kind(kind), name, **given(options))
    with service(context, create=True) as rules:
        made = rules.add(rule)
    click.echo(f"added {said(made)}")
    warn_of(made)


@dialrule.command(
    epilog=examples('presentity dialrule modify outside --priority 5 --description "calls to the town"')
)
@click.argument("name", metavar="NAME")
@kind_option
@click.option("--name", "new_name", metavar="NEW", help="Another name.")
@fields
@where
@click.pass_context
def modify(context: click.Context, /, name: str, kind: str, new_name: str | None, **options: Any) -> None:
    """Change what is given of a rule."""
    changes = given(options | {"name": new_name})
    if not changes:
        raise click.UsageError("nothing to change: give at least one option")
    with service(context) as rules:
        _, made = rules.modify(kind, name, **changes)
    click.echo(f"changed {said(made)}")
    warn_of(made)


@dialrule.command("list")
@click.option("--kind", metavar="KIND", help="application or directory only.")
@where
@click.pass_context
def list_(context: click.Context, kind: str | None) -> None:
    """List rules in the order in which they are tried.

    Kind, priority, name, beginning, number of digits, digits to remove, prefix, description, with tabs
    between them.
    """
    with service(context) as rules:
        for it in rules.list(kind):
            _, _, description, priority, *others = it.told().values()
            click.echo("\t".join((KINDS[it.kind], priority, it.name, *others, description)).rstrip("\t"))


@dialrule.command()
@click.argument("name", metavar="NAME")
@kind_option
@where
@click.pass_context
def delete(context: click.Context, name: str, kind: str) -> None:
    """Delete a rule."""
    with service(context) as rules:
        gone = rules.delete(kind, name)
    click.echo(f"deleted rule {gone.name} ({KINDS[gone.kind]})")


@dialrule.command("import")
@click.argument("file", metavar="FILE.csv")
@click.option("--replace", "replace_all", is_flag=True, help="Delete the rules that are not in the file.")
@where
@click.pass_context
def import_(context: click.Context, file: str, replace_all: bool) -> int:
    """Add the rules of a CSV file and change those that are there already, all or none.

    The first line names the columns, in any order: type, name, description, priority, number-begins-with,
    number-of-digits, digits-to-be-removed, prefix. Type (1 application, 2 directory) and name are needed.
    Every line that is wrong is named; then nothing is imported, and the exit status is 1. - reads standard
    input.
    """
    text = read_text(file)
    with service(context, create=True) as rules, tqdm(
        total=text.count("\n"), unit=" lines", desc="import", mininterval=0.1 if sys.stderr.isatty() else 60
    ) as bar:  # fmt: skip
        try:
            done = rules.import_csv(text, replace_all=replace_all, progress=bar.update)
        except ImportRefused as refused:
            bar.close()
            for line, reason in refused.errors:
                click.echo(f"{file}:{line}: {reason}", err=True)
            raise
    words = {"added": done.added, "changed": done.changed, "left": done.unchanged, "deleted": done.deleted}
    click.echo(", ".join(f"{word} {count}" for word, count in words.items() if count) or "no rules")
    return 0


@dialrule.command()
@click.argument("file", metavar="[FILE.csv]", default="-")
@where
@click.pass_context
def export(context: click.Context, file: str) -> None:
    """Write all rules to a CSV file that import reads."""
    with service(context) as rules:
        write_text(file, rules.export_csv())


@dialrule.command(
    epilog=examples(
        "presentity dialrule test 91234567890", 'presentity dialrule test "+49 30 123456" --kind directory'
    )
)
@click.argument("number", metavar="NUMBER")
@kind_option
@where
@click.pass_context
def test(context: click.Context, number: str, kind: str) -> None:
    """Show which rule applies to NUMBER and what is dialled; rules that would apply after it are named."""
    with service(context) as rules:
        rule, dialled = rules.apply(number, kind)
        bare = bare_number(number)
        others = [it for it in rules.list(kind) if it != rule and it.applies(bare)]
    click.echo("no rule applies" if rule is None else said(rule))
    for it in others:
        click.echo(f"not reached: {said(it)}")
    click.echo(f"dialled: {dialled or 'nothing: no digit is left'}")
