"""A small CLIP that was trained, by its reference class, on the images and captions that models are tried with: tests/golden/vit/clip-trained.

    python golden_trained.py            needs torch, transformers, open_clip_torch, safetensors, pillow; a minute

It knows these twelve images by heart and nothing else. The Rust tests show with it that a model whose numbers are right is taken, and
which faults of a configuration the trial notices. Beside the weights: golden.safetensors and vectors.json, as golden_vit.py writes them.
"""

import re

import torch
import transformers
from transformers import CLIPConfig, CLIPModel

import golden_vit
from golden_vit import DIM, ROOT, TEXTS, Golden

STEPS, RATE = 600, 3e-3


def pairs():
    """Files and captions of crates/engine/src/models/samples.rs."""
    text = (ROOT / "crates/engine/src/models/samples.rs").read_text()
    rows = re.findall(r'sample!\(\s*"images/([^"]+)",\s*"([^"]+)",\s*"([^"]+)"', text)
    assert len(rows) == 12, len(rows)
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def main():
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    folder, tokenizer, processor = golden_vit.folder_of("clip-trained"), golden_vit.clip_tokenizer(), golden_vit.clip_processor()
    vocabulary = len(tokenizer)
    text, vision = golden_vit.clip_configs("quick_gelu", vocabulary - 1, vocabulary)
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=DIM)
    model = golden_vit.randomize(CLIPModel(config), 21)
    files, firsts, seconds = pairs()
    images = processor([golden_vit.sample(file) for file in files], return_tensors="pt")["pixel_values"]
    encode = lambda texts: tokenizer(texts, truncation=True, max_length=golden_vit.CLIP_TOKENS, padding="max_length", return_tensors="pt")
    captions = [encode(texts) for texts in (firsts, seconds)]
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=0.01)
    own = torch.arange(len(files))
    for step in range(STEPS):
        noisy = images + 0.05 * torch.randn(images.shape)
        out = model(**captions[step % 2], pixel_values=noisy)
        logits = out.image_embeds @ out.text_embeds.t() / 0.1
        loss = (torch.nn.functional.cross_entropy(logits, own) + torch.nn.functional.cross_entropy(logits.t(), own)) / 2
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    model = golden_vit.rounded(model.eval(), "F16")
    with torch.no_grad():
        out = model(**captions[0], pixel_values=images)
    cosines = out.image_embeds @ out.text_embeds.t()
    hits = (cosines.argmax(1) == own).sum() + (cosines.argmax(0) == own).sum()
    print(f"loss {loss.item():.4f}; {int(hits)} of 24 found")
    golden_vit.save_weights(model, folder, "F16")
    tokenizer.save_pretrained(folder)
    golden_vit.processor_file(folder, processor, "CLIPImageProcessor")
    golden = Golden()
    golden.image(model.vision_model.encoder.layers, lambda x: golden_vit.pooled(model.get_image_features(pixel_values=x)), processor)
    ids = [tokenizer(text, truncation=True, max_length=golden_vit.CLIP_TOKENS)["input_ids"] for text in TEXTS]
    golden.texts(model.text_model.encoder.layers, lambda x: golden_vit.pooled(model.get_text_features(input_ids=x)), ids)
    golden.save(folder)


if __name__ == "__main__":
    main()
