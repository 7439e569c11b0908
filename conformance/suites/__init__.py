"""The suites, one file each; ``ALL`` is the order in which they run."""

from suites import (
    clients,
    compatcanary,
    langchain,
    later,
    legacy,
    llm_comply,
    node_clients,
    openai_python,
    specification,
)

ALL = (
    *openai_python.SUITES,
    *llm_comply.SUITES,
    *compatcanary.SUITES,
    *langchain.SUITES,
    *legacy.SUITES,
    *node_clients.SUITES,
    *clients.SUITES,
    *specification.SUITES,
)
NOT_BUILT = later.NOT_BUILT
