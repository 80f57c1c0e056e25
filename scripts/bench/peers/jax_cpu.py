"""JAX on the CPU: the rows of scripts/bench, each one jitted function whose state is donated.

    python scripts/bench/peers/jax_cpu.py --case tiny --what train|logprob_pair|logprob_pair_answers|sample|sgemm [--seconds 5]

Sampling is one `lax.scan` over the new tokens, so that Python is left only once for all of them.
"""
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from turns import CASES, options, run


def parameters(c, random):
    dim = c["dim"]
    normal = lambda *shape: jnp.asarray(random.normal(0, 0.02, shape), jnp.float32)
    affine = lambda n, m: dict(w=normal(n, m), b=jnp.zeros(m))
    norm = lambda: dict(w=jnp.ones(dim), b=jnp.zeros(dim))
    layer = lambda: dict(norm1=norm(), qkv=affine(dim, 3 * dim), output=affine(dim, dim),
                         norm2=norm(), up=affine(dim, 4 * dim), down=affine(4 * dim, dim))
    return dict(tokens=normal(c["vocab"], dim), positions=normal(c["positions"], dim), norm=norm(),
                layers=[layer() for _ in range(c["layers"])])


def normed(p, x):
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-5) * p["w"] + p["b"]


def affine(p, x):
    return x @ p["w"] + p["b"]


def hidden(p, ids, c, caches=None, at=0):
    """The last norm's output, and the caches with the keys and values of `ids`, which stand from position `at` on."""
    batch, length = ids.shape
    heads, size = c["heads"], c["dim"] // c["heads"]
    x = p["tokens"][ids] + jax.lax.dynamic_slice_in_dim(p["positions"], at, length)
    kept = []
    for i, layer in enumerate(p["layers"]):
        parts = jnp.split(affine(layer["qkv"], normed(layer["norm1"], x)), 3, -1)
        q, k, v = (part.reshape(batch, length, heads, size).transpose(0, 2, 1, 3) for part in parts)
        if caches is not None:
            k, v = (jax.lax.dynamic_update_slice(held, new, (0, 0, at, 0)) for held, new in zip(caches[i], (k, v)))
            kept.append((k, v))
        seen = jnp.arange(k.shape[2])[None, :] <= at + jnp.arange(length)[:, None]
        scores = jnp.where(seen, jnp.einsum("bhqd,bhkd->bhqk", q, k) / np.sqrt(size), -1e30)
        mixed = jnp.einsum("bhqk,bhkd->bhqd", jax.nn.softmax(scores, -1), v)
        x = x + affine(layer["output"], mixed.transpose(0, 2, 1, 3).reshape(batch, length, c["dim"]))
        x = x + affine(layer["down"], jax.nn.gelu(affine(layer["up"], normed(layer["norm2"], x)), approximate=True))
    return normed(p["norm"], x), kept


def logps(p, states, targets):
    scores = jax.nn.log_softmax(states @ p["tokens"].T, -1)
    return jnp.take_along_axis(scores, targets[..., None], 2)[..., 0]


def training(o, c, random, loss, ids, *more):
    """Runs steps of `loss(parameters, ids, *more)`."""
    p = parameters(c, random)
    more = [jax.tree.map(jnp.copy, p) for _ in more]
    rule = optax.adamw(1e-4)

    @partial(jax.jit, donate_argnums=(0, 1))
    def update(p, moments, ids, *more):
        value, gradient = jax.value_and_grad(loss)(p, ids, *more)
        change, moments = rule.update(gradient, moments, p)
        return optax.apply_updates(p, change), moments, value

    state = [p, rule.init(p)]

    def step():
        *state[:], value = update(*state, ids, *more)
        value.block_until_ready()

    run(o, ids.size, step)


def main(o):
    c = CASES[o.case]
    random = np.random.default_rng(0)
    draw = lambda rows, length: jnp.asarray(random.integers(0, c["vocab"], (rows, length)))

    if o.what == "train":
        training(o, c, random, lambda p, ids: -logps(p, hidden(p, ids[:, :-1], c)[0], ids[:, 1:]).mean(),
                 draw(c["batch"], c["length"]))
    elif o.what in ("logprob_pair", "logprob_pair_answers"):
        half, count, alone = c["length"] // 2, c["batch"], o.what == "logprob_pair_answers"

        def answers(p, ids):
            states = hidden(p, ids[:, :-1], c)[0]
            if alone:
                return logps(p, states[:, half:], ids[:, half + 1:]).sum(1)
            return logps(p, states, ids[:, 1:])[:, half:].sum(1)

        def loss(p, ids, reference):
            ratio = answers(p, ids) - jax.lax.stop_gradient(answers(reference, ids))
            return ((ratio[:count] - ratio[count:] - 5) ** 2).mean()

        training(o, c, random, loss, draw(2 * count, c["length"]), "a reference")
    elif o.what == "sample":
        p, prompt, size = parameters(c, random), draw(c["rows"], c["prompt"]), c["dim"] // c["heads"]

        @jax.jit
        def sample(p, prompt, key):
            empty = lambda: jnp.zeros((c["rows"], c["heads"], c["positions"], size))
            caches = [(empty(), empty()) for _ in range(c["layers"])]

            def following(ids, caches, at, key):
                states, caches = hidden(p, ids, c, caches, at)
                return jax.random.categorical(key, states[:, -1] @ p["tokens"].T)[:, None], caches

            keys = jax.random.split(key, c["new"])
            ids, caches = following(prompt, caches, 0, keys[0])

            def one(carry, key):
                ids, caches, at = carry
                ids, caches = following(ids, caches, at, key)
                return (ids, caches, at + 1), ids

            return jax.lax.scan(one, (ids, caches, c["prompt"]), keys[1:])[1]

        key = [jax.random.key(0)]

        def step():
            key[0], now = jax.random.split(key[0])
            sample(p, prompt, now).block_until_ready()

        run(o, c["rows"] * c["new"], step, 1)
    else:
        a, b = (jnp.asarray(random.normal(size=(2048, 2048)), jnp.float32) for _ in range(2))
        product = jax.jit(jnp.matmul)
        run(o, 1, lambda: product(a, b).block_until_ready())


if __name__ == "__main__":
    main(options(["train", "logprob_pair", "logprob_pair_answers", "sample", "sgemm"]))
