"""The least an MCP server over stdio can be: it knows three requests, one tool and no SDK.

Started as `python -I -S json_server.py`. What a call of it takes is what the client and the pipes take, so that it is
the baseline for servers that do more.
"""

import json
import sys

META = {"io.modelcontextprotocol/serverInfo": {"name": "cluster", "version": "1"}}
LASTING = {"cacheScope": "private", "ttlMs": 0, "resultType": "complete", "_meta": META}
ANSWER = {"content": [{"type": "text", "text": '{"replicas": 3}'}], "structuredContent": {"replicas": 3}}
RESULTS: dict[str, dict[str, object]] = {
    "server/discover": {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, **LASTING},
    "tools/list": {"tools": [{"name": "scale", "inputSchema": {"type": "object"}}], **LASTING},
    "tools/call": {**ANSWER, "isError": False, "resultType": "complete", "_meta": META},
}


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if "id" not in request:
            continue
        result = RESULTS[request["method"]]
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)


if __name__ == "__main__":
    main()
