"""A fake of everything server, begun from everything.jsonl: its tools, and the answers that were recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pytest_mcpflow import Fake, FakeError, tool


@dataclass
class GetStructuredContentResult:
    conditions: str
    humidity: float
    temperature: float


@dataclass
class EverythingServer(Fake):
    """What everything.jsonl has of everything server; anything else is refused."""

    done: list[str] = field(default_factory=list[str])
    """What clients had it do, in order. Put what the service really remembers in its place."""

    @tool(reads=True, idempotent=True)
    def echo(self, message: str) -> str:
        """Echoes back the input string

        Args:
            message: Message to echo
        """
        if message == "hello":
            return "Echo: hello"
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True, idempotent=True, name="get-annotated-message")
    def get_annotated_message(
        self,
        messageType: Literal["error", "success", "debug"],
        includeImage: bool = False,
    ) -> str:
        """Demonstrates how annotations can be used to provide metadata about content.

        Args:
            messageType: Type of message to demonstrate different annotation
                patterns
            includeImage: Whether to include an example image
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True, idempotent=True, name="get-env")
    def get_env(self) -> str:
        """Returns all environment variables, helpful for debugging MCP server
        configuration
        """
        raise FakeError("no answer is recorded")

    @tool(reads=True, idempotent=True, name="get-resource-links")
    def get_resource_links(self, count: float = 3) -> str:
        """Returns up to ten resource links that reference different types of resources

        Args:
            count: Number of resource links to return (1-10)
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True, idempotent=True, name="get-resource-reference")
    def get_resource_reference(
        self,
        resourceId: float = 1,
        resourceType: Literal["Text", "Blob"] = "Text",
    ) -> str:
        """Returns a resource reference that can be used by MCP clients

        Args:
            resourceId: ID of the text resource to fetch
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True, idempotent=True, name="get-structured-content")
    def get_structured_content(
        self,
        location: Literal["New York", "Chicago", "Los Angeles"],
    ) -> GetStructuredContentResult:
        """Returns structured content along with an output schema for client data
        validation

        Args:
            location: Choose city
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True, idempotent=True, name="get-sum")
    def get_sum(self, a: float, b: float) -> str:
        """Returns the sum of two numbers

        Args:
            a: First number
            b: Second number
        """
        if (a, b) == (2, 40):
            return "The sum of 2 and 40 is 42."
        raise FakeError("nothing is recorded for these arguments")

    @tool(reads=True, idempotent=True, name="get-tiny-image")
    def get_tiny_image(self) -> str:
        """Returns a tiny MCP logo image."""
        raise FakeError("no answer is recorded")

    @tool(idempotent=True, name="gzip-file-as-resource")
    def gzip_file_as_resource(
        self,
        data: str = "https://raw.githubusercontent.com/modelcontextprotocol/servers/refs/heads/main/README.md",
        name: str = "README.md.gz",
        outputType: Literal["resourceLink", "resource"] = "resourceLink",
    ) -> str:
        """Compresses a single file using gzip compression. Depending upon the selected
        output type, returns either the compressed data as a gzipped resource or a
        resource link, allowing it to be downloaded in a subsequent request during
        the current session.

        Args:
            data: URL or data URI of the file content to compress
            name: Name of the output file
            outputType: How the resulting gzipped file should be returned.
                'resourceLink' returns a link to a resource that can be read later,
                'resource' returns a full resource object.
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(name="toggle-simulated-logging")
    def toggle_simulated_logging(self) -> str:
        """Toggles simulated, random-leveled logging on or off."""
        raise FakeError("no answer is recorded")

    @tool(name="toggle-subscriber-updates")
    def toggle_subscriber_updates(self) -> str:
        """Toggles simulated resource subscription updates on or off."""
        raise FakeError("no answer is recorded")

    @tool(reads=True, idempotent=True, name="trigger-long-running-operation")
    def trigger_long_running_operation(
        self,
        duration: float = 10,
        steps: float = 5,
    ) -> str:
        """Demonstrates a long running operation with progress updates.

        Args:
            duration: Duration of the operation in seconds
            steps: Number of steps in the operation
        """
        if (duration, steps) == (0.4, 4):
            return "Long running operation completed. Duration: 0.4 seconds, Steps: 4."
        raise FakeError("nothing is recorded for these arguments")

    @tool(name="trigger-elicitation-request")
    def trigger_elicitation_request(self) -> str:
        """Trigger a Request from the Server for User Elicitation"""
        self.done.append("trigger-elicitation-request")
        return (
            "✅ User provided the requested information!\n"
            "User inputs:\n"
            "- Name: Ada\n"
            "\n"
            "Raw result: {\n"
            '  "action": "accept",\n'
            '  "content": {\n'
            '    "name": "Ada"\n'
            "  }\n"
            "}"
        )

    @tool(name="trigger-url-elicitation")
    def trigger_url_elicitation(
        self,
        url: str,
        elicitationId: str | None = None,
        errorPath: bool = False,
        message: str = "Please open the link to complete this action.",
    ) -> str:
        """Trigger a URL elicitation so the client can direct the user to a browser
        flow. Supports two mechanisms: the request path (elicitation/create,
        default) which awaits the user's response, and the error path
        (UrlElicitationRequiredError, -32042) which signals the client to handle URL
        elicitation via the error response. Set errorPath=true to use the error
        path.

        Args:
            url: The URL the user should open
            elicitationId: Optional explicit elicitation ID. Defaults to a random
                UUID.
            errorPath: Controls which elicitation mechanism is used. When false
                (default), sends an elicitation/create request (request path). When
                true, throws a UrlElicitationRequiredError (MCP error code -32042)
                so the client handles the URL elicitation via the error path rather
                than waiting for a response. To clear the error, satisfy the
                prerequisite and retry this call with the same arguments; the retry
                ignores errorPath and proceeds, so the client does not loop on the
                same error.
            message: Message shown to the user before opening the URL
        """
        raise FakeError("nothing is recorded for these arguments")

    @tool(name="trigger-sampling-request")
    def trigger_sampling_request(self, prompt: str, maxTokens: float = 100) -> str:
        """Trigger a Request from the Server for LLM Sampling

        Args:
            prompt: The prompt to send to the LLM
            maxTokens: Maximum number of tokens to generate
        """
        if (prompt, maxTokens) == ("tea", 100):
            self.done.append(
                f"trigger-sampling-request(prompt={prompt!r}, maxTokens={maxTokens!r})",
            )
            return (
                "LLM sampling result: \n"
                "{\n"
                '  "model": "pytest-mcpflow",\n'
                '  "role": "assistant",\n'
                '  "content": {\n'
                '    "type": "text",\n'
                '    "text": "a poem"\n'
                "  }\n"
                "}"
            )
        raise FakeError("nothing is recorded for these arguments")

    @tool(name="simulate-research-query")
    def simulate_research_query(self, topic: str, ambiguous: bool = False) -> str:
        """Simulates a deep research operation that gathers, analyzes, and synthesizes
        information. Demonstrates MCP task-based operations with progress through
        multiple stages. If 'ambiguous' is true and client supports elicitation,
        sends an elicitation request for clarification.

        Args:
            topic: The research topic to investigate
            ambiguous: Simulate an ambiguous query that requires clarification
                (triggers input_required status)
        """
        raise FakeError("nothing is recorded for these arguments")
