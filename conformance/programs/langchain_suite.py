"""LangChain's standard tests, pointed at the server of SUITE_URL."""

import os

from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests


class TestServer(ChatModelIntegrationTests):
    """Text only: no installed model takes pictures."""

    supports_json_mode = True
    supports_image_inputs = False
    has_tool_choice = True

    @property
    def chat_model_class(self):
        return ChatOpenAI

    @property
    def chat_model_params(self):
        server = {"base_url": os.environ["SUITE_URL"], "api_key": os.environ["SUITE_KEY"]}
        return server | {"model": os.environ["SUITE_MODEL"], "max_tokens": 256, "timeout": 90, "stream_usage": True}
