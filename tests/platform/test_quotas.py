"""What an account may have, and that another's account does not count."""

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
