"""It learns: a subject that emoji-sd has never seen, from five pictures drawn here, as a LoRA."""
import math
import random

import torch
from PIL import Image, ImageDraw
from trainer_client import run_probe

import tiny_models
from engine_client import run_engine

SIZE, SEEDS = 128, 16
SUBJECT, CLASS = "a photo of sks robot", "a photo of a robot"


def robot(generator):
    """A teal head with orange eyes on a purple body, a little different each time."""
    scale = 4  # drawn large, for smooth edges
    image = Image.new("RGB", (SIZE * scale, SIZE * scale), "white")
    draw = ImageDraw.Draw(image)
    dx, dy = generator.uniform(-6, 6), generator.uniform(-6, 6)
    size = generator.uniform(0.9, 1.1)

    def box(left, top, right, bottom):
        place = [(left - 64) * size + 64 + dx, (top - 64) * size + 64 + dy,
                 (right - 64) * size + 64 + dx, (bottom - 64) * size + 64 + dy]
        return [value * scale for value in place]

    draw.rounded_rectangle(box(34, 76, 94, 116), 8 * scale, fill=(110, 50, 160))
    draw.rounded_rectangle(box(26, 24, 102, 78), 12 * scale, fill=(20, 150, 140))
    for left in (40, 70):
        draw.ellipse(box(left, 36, left + 20, 56), fill=(250, 140, 20))
        draw.ellipse(box(left + 6, 42, left + 14, 50), fill=(40, 20, 10))
    draw.rectangle(box(44, 64, 84, 70), fill=(240, 240, 240))
    draw.rectangle(box(61, 10, 67, 24), fill=(110, 50, 160))
    return image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def test_a_new_subject(tmp_path):
    generator = random.Random(5)
    subject = [robot(generator) for _ in range(5)]
    pictures = []
    for index, image in enumerate(subject):
        image.save(tmp_path / f"subject-{index}.ppm")
        pictures.append({"file": str(tmp_path / f"subject-{index}.ppm")})
    (tmp_path / "out").mkdir()
    run_probe({"op": "train", "pictures": str(tmp_path), "request": {
        "base": str(tiny_models.EMOJI_SD), "instance_prompt": SUBJECT, "class_prompt": CLASS,
        "instance_pictures": pictures, "num_class_images": 10, "learning_rate": 1e-3,
        "lora": {"rank": 8, "alpha": 8}, "max_train_steps": 250, "output": str(tmp_path / "out")}})

    def draw(prompt, *loras):
        together = 8
        requests = [{"op": "generate", "out": f"{first}", "prompt": prompt,
                     "prompt_syntax": "plain", "num_outputs": together, "num_inference_steps": 20,
                     "seed": 1000 + first, "width": SIZE, "height": SIZE, "loras": list(loras)}
                    for first in range(0, SEEDS, together)]
        reply = run_engine(tiny_models.EMOJI_SD, requests)
        return [reply[f"{first}.{index}"] for first in range(0, SEEDS, together)
                for index in range(together)]

    vae = tiny_models.build("emoji-sd").vae

    @torch.no_grad()
    def latents(images):
        pixels = torch.stack([image.permute(2, 0, 1) for image in images]).float() / 127.5 - 1
        return vae.encode(pixels).latent_dist.mean.flatten(1)

    own = latents([torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
                   .view(SIZE, SIZE, 3) for image in subject])

    def likeness(images):
        """Of each picture, the mean cosine similarity of its latents to the subject's."""
        return torch.nn.functional.cosine_similarity(
            latents(images).unsqueeze(1), own.unsqueeze(0), dim=-1).mean(dim=1)

    lora = {"file": str(tmp_path / "out/pytorch_lora_weights.safetensors"), "name": "robot"}
    before, after = likeness(draw(SUBJECT)), likeness(draw(SUBJECT, lora))
    class_before, class_after = likeness(draw(CLASS)), likeness(draw(CLASS, lora))
    reach = 1.96 * before.std().item()
    class_reach = 1.96 * class_before.std().item()
    print(f"likeness: subject {before.mean():.3f} ± {reach:.3f} to {after.mean():.3f}, "
          f"class {class_before.mean():.3f} ± {class_reach:.3f} to {class_after.mean():.3f}")
    assert after.mean() > before.mean() + reach
    assert math.isclose(class_after.mean(), class_before.mean(), abs_tol=class_reach)
