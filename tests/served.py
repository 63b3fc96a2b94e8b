"""An app whose home has a finished run, and its pages by their links, for tests in a browser."""

from contextlib import contextmanager

import pytest
from browser import ROOT, WAIT, Watch, app, chromium, settled
from page_models import music_run
from runs_by_state import write_metrics

SIZE = {"width": 1280, "height": 800}


@contextmanager
def served_run(folder):
    """Serve the app with DMM_HOME = `folder`; yields its address and a finished run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMM_HOME", str(folder))
        run = music_run()
        write_metrics(run, epochs=6)
        with app(ROOT / "app.py", folder) as address:
            yield address, run


@contextmanager
def one_context(**settings):
    """A browser whose pages share a cache, so that only the first one loads the app's scripts.

    Its user prefers reduced motion: to paint what moves while a page loads takes a whole core.
    """
    with chromium() as browser:
        usual = {"viewport": SIZE, "reduced_motion": "reduce"}
        yield browser.new_context(**(usual | settings))


@contextmanager
def visited(context, served, link, filled):
    """Open a link of what is `served`, and wait until what the selector `filled` names is there.

    In the link, {run} and {data} are those of the run. Afterwards the page's console must be clean
    and its host the only one.
    """
    address, run = served
    page = context.new_page()
    page.set_default_timeout(WAIT)
    watch = Watch(page)
    page.goto(f"{address}/{link.format(run=run.id, data=run.config().data.name)}")
    page.locator(filled).first.wait_for()
    settled(page)
    yield page
    # A deep link makes Streamlit look for its server below the page first: 404, twice.
    assert [error for error in watch.errors if "status of 404" not in error] == []
    assert watch.foreign == []
    page.close()
