"""Whether an answer of the built-in model is right, as models/train/evaluate.py judges it."""


def score(doc, results):
    said = results[0]
    wanted = doc["contains"]
    return {"acc": float(said == doc["answer"] or (bool(wanted) and all(part in said for part in wanted)))}
