"""Several systems in one HTML file: their ranks, the test of each pair, and every question with the best two."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vqa.evaluation.predictions import check_predictions
from vqa.inspection.comparison import facts, left_out, orders, question_facets
from vqa.inspection.explorer import System, explorer_data, facet
from vqa.inspection.page import write_page
from vqa.inspection.source import Source
from vqa.scoring.ranking_schema import RankingReport
from vqa.scoring.ranking_text import PAIR_HEADER, letters, pair_cells, remarks


def write_ranking_html(path: str | Path, sources: Sequence[Source], ranking: RankingReport) -> list[str]:
    """Write one self-contained HTML file on several sets of predictions, A having the highest accuracy.

    Parameters
    ----------
    path : the file
    sources : predictions on the same questions, in any order
    ranking : report of `vqa.scoring.ranking.rank` on them

    Returns
    -------
    why images are left out, [] where they are not
    """
    by_name = {source.name: source for source in sources}
    names = [each.system["file"] for each in ranking.systems]
    first = check_predictions(by_name[names[0]].frame, names[0])
    frames = [
        check_predictions(by_name[name].frame, name)
        .set_index("question_id", drop=False)
        .loc[first["question_id"]]
        .reset_index(drop=True)
        for name in names
    ]
    right = np.sum([frame["hit"].to_numpy() for frame in frames], axis=0)
    questions = explorer_data(
        [System("A", frames[0]), System("B", frames[1])],
        [
            facet("right", "Systems right", [f"{count} of {len(frames)}" for count in right.tolist()]),
            *question_facets(first),
        ],
        orders(frames[0], frames[1]),
    )
    best = by_name[names[0]]
    images = best.thumbnails(questions["images"]).page
    short = letters(ranking)
    missing = left_out(best)
    write_page(
        Path(path),
        "ranking.html",
        title=f"{len(names)} systems",
        page_class=" ".join(["two-systems", *([] if images else ["no-images"])]),
        facts=facts(ranking.questions, ranking.images, ranking.systems[0].system),
        systems=[(short[each.system["file"]], each) for each in ranking.systems],
        pair_header=PAIR_HEADER,
        pairs=[pair_cells(pair, short) for pair in ranking.pairs],
        remarks=remarks(ranking),
        left_out=missing,
        questions=questions,
        images=images,
    )
    return missing
