"""Masked multi-head attention with TensorFlow's own operations, checked against
tf.keras.layers.MultiHeadAttention with the same weights (use_causal_mask=True).

Run: python attention_tf.py
"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = (
    "0"  # fixed order of sums, and no notice on stderr
)
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf


# ANCHOR: split
def split_heads(x, h):  # (B, n, h*d) -> (B, h, n, d)
    B, n = tf.shape(x)[0], tf.shape(x)[1]
    x = tf.reshape(x, (B, n, h, x.shape[-1] // h))
    return tf.transpose(x, (0, 2, 1, 3))


def merge_heads(x):  # (B, h, n, d) -> (B, n, h*d)
    x = tf.transpose(x, (0, 2, 1, 3))
    B, n = tf.shape(x)[0], tf.shape(x)[1]
    return tf.reshape(x, (B, n, x.shape[2] * x.shape[3]))


# ANCHOR_END: split


# ANCHOR: attention
def attention(q, k, v, mask):  # each (B, h, n, d)
    s = tf.matmul(q, k, transpose_b=True)
    s /= tf.sqrt(tf.cast(tf.shape(q)[-1], s.dtype))
    s = tf.where(mask, s, s.dtype.min)
    return tf.matmul(tf.nn.softmax(s, axis=-1), v)


def mha(x, Wq, Wk, Wv, Wo, h):
    q, k, v = (split_heads(x @ W, h) for W in (Wq, Wk, Wv))
    n = tf.shape(x)[1]
    mask = tf.linalg.band_part(tf.ones((n, n), tf.bool), -1, 0)
    return merge_heads(attention(q, k, v, mask)) @ Wo


# ANCHOR_END: attention


def main():
    B, n, h, d = 2, 7, 3, 5
    D = h * d
    rng = np.random.default_rng(11)
    x = tf.constant(rng.normal(size=(B, n, D)), tf.float32)
    Wq, Wk, Wv, Wo = (
        tf.constant(rng.normal(size=(D, D)) * 0.3, tf.float32)
        for _ in range(4)
    )
    layer = tf.keras.layers.MultiHeadAttention(
        num_heads=h, key_dim=d, use_bias=False
    )
    layer(x, x)
    layer.set_weights(
        [tf.reshape(W, (D, h, d)).numpy() for W in (Wq, Wk, Wv)]
        + [tf.reshape(Wo, (h, d, D)).numpy()]
    )
    want = layer(x, x, use_causal_mask=True)
    got = mha(x, Wq, Wk, Wv, Wo, h)
    err = float(tf.reduce_max(tf.abs(got - want)))
    if not err <= 1e-5:
        print(
            f"differs from MultiHeadAttention by {err:.3f}",
            file=sys.stderr,
        )
        sys.exit(1)
    print(
        f"output {tuple(got.shape)}, the same as MultiHeadAttention's"
    )


main()
