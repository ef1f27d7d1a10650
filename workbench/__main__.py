"""python -m workbench train | sweep | evaluate | recommend | explain | import | data | app"""

import typer

from workbench.announcing import say
from workbench.commands.data import data_command
from workbench.commands.evaluate import evaluate_command
from workbench.commands.explain import explain_command
from workbench.commands.importing import import_command
from workbench.commands.recommend import recommend_command
from workbench.commands.serve import STREAMLIT, app_command
from workbench.commands.several import Several
from workbench.commands.sweep import sweep_command
from workbench.commands.train import train_command
from workbench.ending import ended_in_words
from workbench.errors import printed_warnings
from workbench.threads import one_by_default

app = typer.Typer(
    help="Train and evaluate sequential recommenders whose attention is to be studied.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text has room for explanations, and errors stay one line
)


@app.callback()
def common(context: typer.Context) -> None:
    """One thread, and warnings in one line each on standard error, for who calls `app` as well."""
    one_by_default()
    context.with_resource(printed_warnings(lambda line: say(line, err=True)))


app.command("train")(train_command)
app.command("sweep")(sweep_command)
app.command("evaluate")(evaluate_command)
app.command("recommend", cls=Several)(recommend_command)
app.command("explain")(explain_command)
app.command("import")(import_command)
app.command("data")(data_command)
app.command("app", context_settings=STREAMLIT)(app_command)


def main() -> None:
    """Run a command, which ends as `ended_in_words` says."""
    with ended_in_words():
        app()


if __name__ == "__main__":
    main()
