"""What an account and a token may have, and that another's does not count."""

from platforms import Platform

TOKENS = "anna=first-token,ben=second-token"
BEN = {"Authorization": "Token second-token"}


def test_uploads_of_an_account(tmp_path, trainer, template):
    with Platform(tmp_path / "data", trainer=trainer.url, template=template, tokens=TOKENS,
                  args=["--most-uploads", "5KB"]) as platform:
        platform.upload(b"x" * 3000)
        platform.upload(b"y" * 3000)
        full = platform.post("/v1/upload/data.zip")
        assert full.status == 429 and int(full.headers["retry-after"]) > 0
        assert "5000 bytes, which is as many as may be" in full.json["detail"]
        assert platform.post("/v1/upload/data.zip", headers=BEN).status == 200


def test_quotas_of_a_token(tmp_path, database, trainer, template):
    tokens = ("anna=small-token;trainings=1;uploads=5KB;request-rate=40 anna=large-token "
              "ben=second-token")
    large = {"Authorization": "Token large-token"}
    with Platform(tmp_path / "data", trainer=trainer.url, template=template, database=database,
                  tokens="anna=small-token", env={"DREAM_API_TOKENS": tokens}) as platform:
        body = {"model": "anna/me", "input": {"instance_prompt": "x", "seconds": 30}}
        first = platform.post("/v1/trainings", body)
        assert first.status == 201, first.text
        full = platform.post("/v1/trainings", body)
        assert full.status == 429 and "1 trainings of your token have not ended" in full.text
        assert int(full.headers["retry-after"]) > 0
        other = platform.post("/v1/trainings", body, headers=large)
        assert other.status == 201, "another token of the same account has its own"
        for made in (first, other):
            platform.post(f"/v1/trainings/{made.json['id']}/cancel", headers=large)
        platform.upload(b"x" * 6000)
        full = platform.post("/v1/upload/data.zip")
        assert full.status == 429 and "of your token have 5000 bytes" in full.json["detail"]
        assert platform.post("/v1/upload/data.zip", headers=large).status == 200
        answers = [platform.get("/v1/account") for _ in range(40)]
        assert answers[-1].status == 429 and "throttled" in answers[-1].json["detail"]
        assert platform.get("/v1/account", headers=large).status == 200
