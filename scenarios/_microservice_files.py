"""The scaffold of `microservice-creation`: a notification service, from its domain to its container."""

from __future__ import annotations

__all__ = ["CHECKS", "PIPELINE_PATH", "SCAFFOLD"]

PIPELINE_PATH = ".github/workflows/ci.yml"
CHECKS = ("lint", "test", "build")


def _job(name: str, needs: str | None) -> str:
    waits = "" if needs is None else f"    needs: {needs}\n"
    return (
        f"  {name}:\n{waits}    runs-on: ubuntu-latest\n    steps:\n"
        f"      - uses: actions/checkout@v4\n      - run: npm run {name}\n"
    )


def _provider(name: str, key: str, call: str) -> str:
    return (
        f"export class {name} implements Provider {{\n  constructor(private key = required('{key}')) {{}}\n"
        f"  deliver(message: Notification) {{\n    return {call};\n  }}\n}}\n"
    )


SCAFFOLD = {
    "src/domain/notification.ts": "export type Notification = { to: string; text: string; by: 'email' | 'sms' };\n",
    "src/application/send.ts": (
        "export async function send(message: Notification, provider: Provider, attempts = 5) {\n"
        "  for (let attempt = 0; ; attempt++) {\n    try {\n      return await provider.deliver(message);\n"
        "    } catch (error) {\n      if (attempt + 1 === attempts) throw error;\n"
        "      await sleep(1000 * 2 ** attempt);\n    }\n  }\n}\n"
    ),
    "src/providers/sendgrid.ts": _provider("SendGrid", "SENDGRID_API_KEY", "mail.send(this.key, message)"),
    "src/providers/twilio.ts": _provider("Twilio", "TWILIO_AUTH_TOKEN", "sms.create(this.key, message)"),
    "src/queue/rabbitmq.ts": (
        "export const consume = async (channel: Channel) => {\n"
        "  await channel.assertQueue('notifications', { durable: true });\n"
        "  await channel.consume('notifications', async (job) => {\n    await send(parse(job), providerOf(job));\n"
        "    channel.ack(job);\n  });\n};\n"
    ),
    "src/http/routes.ts": (
        "router.post('/notifications', validate(body), (req, res) => queue(req.body).then(() => res.status(202)));\n"
        "router.get('/health', (_, res) => res.json({ status: 'ok' }));\n"
    ),
    "test/send.test.ts": "test('a failed delivery is tried again after 1, 2, 4 and 8 seconds', () => expect(waits));\n",
    "Dockerfile": (
        "FROM node:22-slim\nWORKDIR /app\nCOPY package*.json ./\nRUN npm ci --omit=dev\nCOPY src src\n"
        'USER node\nHEALTHCHECK CMD curl --fail http://localhost:8080/health\nCMD ["node", "src/main.js"]\n'
    ),
    "docker-compose.yml": (
        "services:\n  notifications:\n    build: .\n    ports: ['8080:8080']\n    env_file: .env\n"
        "    depends_on: [rabbitmq]\n  rabbitmq:\n    image: rabbitmq:4-management\n"
    ),
    ".env.example": "SENDGRID_API_KEY=\nTWILIO_AUTH_TOKEN=\nRABBITMQ_URL=amqp://rabbitmq\n",
    ".gitignore": ".env\nnode_modules/\n",
    "package.json": '{"name": "notification-service", "scripts": {"lint": "eslint .", "test": "vitest run"}}\n',
    "README.md": "# Notification service\n\nSends e-mail (SendGrid) and SMS (Twilio). Start: `docker compose up`.\n",
    PIPELINE_PATH: (
        "name: ci\non:\n  pull_request:\n  push:\n    branches: [main]\njobs:\n"
        + _job("lint", None)
        + _job("test", "lint")
        + _job("build", "test")
    ),
}
