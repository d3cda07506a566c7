"""The fake Docker engine and the fake storage: what they hold, and what they refuse."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from pytest_mcpflow import Fake, FakeError, ManualClock
from pytest_mcpflow.fakes.docker import Docker, Dockerfile, ScriptedCommand
from pytest_mcpflow.fakes.s3_storage import S3Storage


def refused(fake: Fake, words: str, action: Callable[[], object]) -> None:
    before = copy.deepcopy(fake)
    with pytest.raises(FakeError, match=words):
        action()
    assert fake == before


def engine() -> Docker:
    return Docker(
        dockerfiles={
            "Dockerfile": Dockerfile(["FROM python", "COPY . /app"]),
            "Broken": Dockerfile(["FROM python", "RUN make"], fails_at="RUN make", error="2"),
        },
        commands=[ScriptedCommand("pytest *", "3 failed", 1), ScriptedCommand("true")],
    )


def test_a_build_makes_an_image_with_an_id_that_two_runs_share() -> None:
    first, second = engine(), engine()
    built = first.docker_build("Dockerfile", "app:1")
    assert (built.success, built.image, built.exit_code) == (True, "app:1", 0)
    assert built.image_id == second.docker_build("Dockerfile", "app:1").image_id
    assert built.log.splitlines()[-1] == "Successfully tagged app:1"


def test_a_step_that_fails_is_an_answer_and_leaves_no_image() -> None:
    fake = engine()
    built = fake.docker_build("Broken", "app:1")
    assert (built.success, built.image, built.exit_code, fake.images) == (False, None, 1, {})
    assert "returned a non-zero code: 2" in built.log
    refused(fake, "no such file or directory", lambda: fake.docker_build("Nowhere", "app:1"))


def test_a_container_ends_as_its_command_does() -> None:
    fake = engine()
    fake.docker_build("Dockerfile", "app:1")
    ran = fake.docker_run("app:1", "pytest tests/")
    assert (ran.success, ran.exit_code, ran.logs) == (False, 1, "3 failed")
    assert fake.docker_logs(ran.container_id) == "3 failed"
    running = fake.docker_run("app:1", detach=True)
    assert [each.id for each in fake.docker_ps().containers] == [running.container_id]
    assert len(fake.docker_ps(all=True).containers) == 2


@pytest.mark.parametrize(
    ("built", "asked"), [("app", "app:latest"), ("host:5000/app:latest", "host:5000/app")]
)
def test_an_image_without_a_tag_is_the_latest(built: str, asked: str) -> None:
    fake = engine()
    fake.docker_build("Dockerfile", built)
    image = fake.docker_build("Dockerfile", asked)
    assert [each.id for each in fake.images.values()] == [image.image_id]
    ran = fake.docker_run(asked, "true")
    assert fake.docker_push(asked) == image.image_id
    fake.docker_rm(ran.container_id)
    fake.docker_rmi(asked)
    assert fake.images == {}
    refused(fake, "Unable to find image", lambda: fake.docker_run(built))


def test_what_docker_refuses_is_refused() -> None:
    fake = engine()
    refused(fake, "Unable to find image 'app:9' locally", lambda: fake.docker_run("app:9"))
    fake.docker_build("Dockerfile", "app:1")
    refused(fake, "executable file not found", lambda: fake.docker_run("app:1", "make coffee"))
    running = fake.docker_run("app:1", detach=True).container_id
    refused(fake, "container is running", lambda: fake.docker_rm(running))
    refused(fake, "is using it", lambda: fake.docker_rmi("app:1"))
    refused(fake, "No such container", lambda: fake.docker_stop("x"))
    refused(fake, "No such image", lambda: fake.docker_rmi("x"))
    refused(fake, "does not exist locally", lambda: fake.docker_push("x"))
    fake.docker_stop(running)
    fake.docker_rm(running)
    fake.docker_push("app:1")
    fake.docker_rmi("app:1")
    assert (fake.containers, fake.images, list(fake.registry)) == ([], {}, ["app:1"])


def test_each_backup_is_a_version_and_can_be_restored() -> None:
    fake = S3Storage(sources={"production-data": "rows", "production/app": "app:1", "k8s/": "manifests"})
    first = fake.emergency_backup("production-data", "high")
    fake.sources["production-data"] = "more rows"
    second = fake.emergency_backup("production-data", "high")
    assert (first.key, second.key) == ("emergency/high/production-data",) * 2
    assert [version.content for version in fake.objects[first.key]] == ["rows", "more rows"]
    assert fake.restore_backup(first.backup_id) == "production-data"
    assert fake.restored == {"production-data": "rows"}
    assert fake.backup_deployment("production", "app").key == "deployments/production/app"
    assert fake.backup_config("k8s/", "nightly").key == "config/nightly"
    assert [each.versions for each in fake.list_objects("emergency/")] == [2]


def test_an_idempotency_token_makes_one_backup_of_two_requests() -> None:
    fake = S3Storage({"k8s/": "replicas: 1", "production/app": "app:1", "data": "..."})
    for _ in range(2):
        fake.backup_config("k8s/", "release", idempotency_token="config-1")
        fake.backup_deployment("production", "app", idempotency_token="deployment-1")
        fake.emergency_backup("data", "high", idempotency_token="data-1")
    assert [each.versions for each in fake.list_objects()] == [1, 1, 1]
    first = fake.backup_config("k8s/", "release", idempotency_token="config-1")
    second = fake.backup_config("k8s/", "release", idempotency_token="config-2")
    assert first.backup_id != second.backup_id


def test_a_token_of_a_refused_backup_is_still_free() -> None:
    fake = S3Storage()
    refused(fake, "Not Found: data", lambda: fake.emergency_backup("data", idempotency_token="data-1"))
    fake.sources["data"] = "..."
    assert fake.emergency_backup("data", idempotency_token="data-1").success


def test_objects_are_written_read_and_deleted() -> None:
    fake = S3Storage()
    stored = fake.put_object("a/b", "text")
    assert (stored.size, stored.etag, stored.versions) == (4, "1cb251ec0d568de6a929b520c4aed8d1", 1)
    assert fake.get_object("a/b") == "text"
    fake.delete_object("a/b")
    refused(fake, r"An error occurred \(404\)", lambda: fake.get_object("a/b"))
    refused(fake, "Not Found: nothing", lambda: fake.emergency_backup("nothing"))
    refused(fake, "NoSuchKey", lambda: fake.restore_backup("x"))


def test_a_daemon_that_stopped_refuses_everything_until_it_is_up_again() -> None:
    fake = engine()
    clock = ManualClock()
    fake.clock = clock
    fake.stops.append(50.0)
    assert fake.docker_ps().success

    clock.advance(50.0)
    words = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock"
    refused(fake, words, fake.docker_ps)
    refused(fake, words, lambda: fake.docker_build("Dockerfile", "app:1"))
    fake.restart(after=45.0)
    clock.advance(44.5)
    refused(fake, words, fake.docker_ps)
    clock.advance(0.5)
    assert fake.docker_ps().success


def test_a_backup_whose_object_was_deleted_cannot_be_restored() -> None:
    fake = S3Storage({"k8s/": "replicas: 1"})
    backup = fake.backup_config("k8s/", "a|b")
    assert fake.restore_backup(backup.backup_id) == "k8s/"
    fake.delete_object(backup.key)
    refused(fake, "NoSuchKey", lambda: fake.restore_backup(backup.backup_id))
    assert fake.restored == {"k8s/": "replicas: 1"}


@pytest.mark.parametrize("tag", ["", "App", "my app", "app:", "app:a b", "app//x", "-app", "app:-x"])
def test_an_image_has_a_name_that_docker_takes(tag: str) -> None:
    fake = engine()
    refused(fake, "invalid reference format", lambda: fake.docker_build("Dockerfile", tag))


@pytest.mark.parametrize(
    "tag", ["app", "app:1.2-rc_3", "shop/app:latest", "localhost:5000/shop/my_app:2", "a.b/c"]
)
def test_the_names_of_images_that_people_use_are_taken(tag: str) -> None:
    assert engine().docker_build("Dockerfile", tag).image == tag


def test_a_volume_that_says_nothing_is_refused() -> None:
    fake = engine()
    fake.docker_build("Dockerfile", "app")
    refused(
        fake, "invalid volume specification: 'a:b:c:d'", lambda: fake.docker_run("app", volumes=["a:b:c:d"])
    )
    refused(fake, "invalid volume specification: ':/b'", lambda: fake.docker_run("app", volumes=[":/b"]))
    assert fake.docker_run("app", volumes=["/data", "/a:/b", "/a:/b:ro"]).success


def test_an_object_has_a_key_of_1_to_1024_bytes() -> None:
    fake = S3Storage()
    refused(fake, "Invalid length for parameter Key", lambda: fake.put_object("", "x"))
    refused(fake, "Your key is too long", lambda: fake.put_object("ä" * 513, "x"))
    assert fake.put_object("ä" * 512, "x").size == 1


def test_deleting_what_is_gone_is_no_error_as_in_s3() -> None:
    fake = S3Storage()
    assert fake.delete_object("nothing") == "nothing"
    assert fake.objects == {}
