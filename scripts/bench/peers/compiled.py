"""PyTorch under torch.compile, with the fused AdamW: the training rows of scripts/bench. Needs a C++ compiler.

    python scripts/bench/peers/compiled.py --case tiny --what train|logprob_pair|logprob_pair_answers [--seconds 5]
"""
import torch
from pytorch import PAIRS, Decoder, answer_logps, cross_entropy, ipo
from turns import CASES, options, run


def main(o):
    c = CASES[o.case]
    torch.set_num_threads(o.threads)
    torch.manual_seed(0)
    model = Decoder(c)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def update(loss):
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    if o.what == "train":
        ids = torch.randint(c["vocab"], (c["batch"], c["length"]))
        loss = torch.compile(lambda ids: cross_entropy(model, ids))
        run(o, ids.numel(), lambda: update(loss(ids)))
        return
    reference = Decoder(c).requires_grad_(False)
    reference.load_state_dict(model.state_dict())
    ids = torch.randint(c["vocab"], (2 * c["batch"], c["length"]))
    alone = o.what == "logprob_pair_answers"
    held_logps = torch.compile(lambda ids: answer_logps(reference, ids, alone))
    loss = torch.compile(lambda ids, held: ipo(answer_logps(model, ids, alone), held, c["batch"]))

    def step():
        with torch.no_grad():
            held = held_logps(ids)
        update(loss(ids, held))

    run(o, ids.numel(), step)


if __name__ == "__main__":
    main(options(["train", *PAIRS]))
