"""A tf.data input pipeline: parallel reads and maps, cache, shuffle, batch, prefetch.

Run: python pipeline.py
"""

import os
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
import numpy as np
import tensorflow as tf

FILES, PER_FILE, BATCH = 3, 11, 4
decoded = []


def write_files(folder: str) -> list[str]:
    paths = []
    for f in range(FILES):
        paths.append(os.path.join(folder, f"part-{f}.tfrecord"))
        with tf.io.TFRecordWriter(paths[-1]) as writer:
            for i in range(PER_FILE):
                writer.write(np.float32(100 * f + i).tobytes())
    return paths


def decode(record):
    value = tf.reshape(tf.io.decode_raw(record, tf.float32), [])
    return tf.numpy_function(note, [value], tf.float32)


def note(value):
    decoded.append(float(value))
    return value


def augment(value):
    return value + tf.random.uniform([], 0.0, 0.5)


# ANCHOR: pipeline
AUTO = tf.data.AUTOTUNE


def pipeline(paths):
    ds = tf.data.Dataset.from_tensor_slices(paths)
    ds = ds.interleave(
        tf.data.TFRecordDataset, num_parallel_calls=AUTO
    )
    ds = ds.map(decode, num_parallel_calls=AUTO)
    ds = ds.cache()  # after the costly, before the random
    ds = ds.shuffle(64)
    ds = ds.map(augment, num_parallel_calls=AUTO)
    return ds.batch(BATCH).prefetch(AUTO)


# ANCHOR_END: pipeline


def stop(what: str) -> None:
    print(what, file=sys.stderr)
    sys.exit(1)


def epoch(ds) -> np.ndarray:
    return np.concatenate([batch.numpy() for batch in ds])


def main() -> None:
    tf.random.set_seed(9)
    total = FILES * PER_FILE
    want = sorted(
        100 * f + i
        for f in range(FILES)
        for i in range(PER_FILE)
    )
    with tempfile.TemporaryDirectory() as folder:
        ds = pipeline(write_files(folder))
        first, second = epoch(ds), epoch(ds)
    for values in (first, second):
        if sorted(np.floor(values + 1e-3).astype(int)) != want:
            stop("an epoch does not hold every record once")
    if len(decoded) != total:
        stop(
            f"decoded {len(decoded)} records in two epochs of {total}: the cache is no use"
        )
    if np.array_equal(np.sort(first), np.sort(second)):
        stop("both epochs saw the same random augmentation")
    print("records:", total, "batches:", -(-total // BATCH))
    print("decoded in two epochs:", len(decoded))
    print(
        "augmented anew each epoch:",
        not np.array_equal(np.sort(first), np.sort(second)),
    )


main()
