"""Makes the small random models of `tests/golden/` and what PyTorch computes with them.

    python tests/golden/make.py [--into FOLDER] [ARCHITECTURE ...]

Without a name it makes all of them. Needs torch, transformers, safetensors and numpy; `golden.json`
records the versions. README.md beside this file says which model covers what.
"""

import argparse
import importlib
import sys
from pathlib import Path

SCRIPTS = {
    "albert": "make_albert",
    "bart": "make_bart",
    "bert": "make_bert",
    "camembert": "make_roberta",
    "deberta-v2": "make_deberta_v2",
    "distilbert": "make_distilbert",
    "electra": "make_electra",
    "mobilebert": "make_mobilebert",
    "modernbert": "make_modernbert",
    "mpnet": "make_mpnet",
    "roberta": "make_roberta",
    "xlm-roberta": "make_roberta",
}


def main():
    parser = argparse.ArgumentParser(description="Makes the models of tests/golden.")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent, metavar="FOLDER")
    parser.add_argument("architectures", nargs="*", metavar="ARCHITECTURE")
    arguments = parser.parse_args()
    names = arguments.architectures or list(SCRIPTS)
    unknown = set(names) - set(SCRIPTS)
    if unknown:
        parser.error(f"no script for {', '.join(sorted(unknown))}; there are {', '.join(SCRIPTS)}")

    # A folder of compiled scripts would look like one of models.
    sys.dont_write_bytecode = True
    import torch
    import transformers

    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for name in names:
        print(name)
        importlib.import_module(SCRIPTS[name]).make(name, arguments.into)


if __name__ == "__main__":
    main()
