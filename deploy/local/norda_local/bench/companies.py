"""A million companies for searching, made by SQL: names of many words and few common ones, places by their size.

Words are made of syllables, some 200,000 of them, beside twenty trades, five words of legal forms and `Beispiel`, which
is in every name. The same number makes the same company.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from norda_common.contracts.competences import competences

from norda_local.bench import filling

CHUNK_ROWS = 100_000
SYLLABLES = (
    "ba", "ber", "bor", "dan", "del", "dor", "ems", "fal", "fer", "gal", "ger", "gra", "hal", "har", "hem", "kal",
    "kar", "kel", "kon", "lam", "lan", "ler", "lin", "mar", "mel", "mer", "mon", "nar", "nel", "nor", "oster", "pal",
    "per", "pol", "ral", "ren", "rol", "sal", "san", "sel", "sol", "stein", "tal", "tan", "tel", "tor", "ven", "ver",
    "wal", "wen", "wes", "wil", "zan", "zel", "zer", "zor",
)  # fmt: skip
TRADES = (
    "technik", "metallbau", "logistik", "maschinenbau", "kunststoff", "elektronik", "fahrzeugbau", "werkzeugbau",
    "oberflaechen", "engineering", "systeme", "service", "handel", "software", "giesserei", "leichtbau", "automotive",
    "batterie", "sensorik", "lackiererei",
)  # fmt: skip
FORMS = ("gmbh", "gmbh", "gmbh", "gmbh", "gmbh", "gmbh", "gmbh co kg", "gmbh co kg", "ag", "e k")
PLACES = (
    ("hamburg", "02000", "hh"), ("bremen", "04011", "hb"), ("hannover", "03241", "ni"), ("braunschweig", "03101", "ni"),
    ("osnabrueck", "03404", "ni"), ("oldenburg", "03403", "ni"), ("wolfsburg", "03103", "ni"),
    ("goettingen", "03159", "ni"),
    ("bremerhaven", "04012", "hb"), ("salzgitter", "03102", "ni"), ("emden", "03402", "ni"), ("lingen", "03454", "ni"),
    ("stuhr", "03251", "ni"), ("celle", "03351", "ni"), ("vechta", "03460", "ni"), ("leer", "03457", "ni"),
    ("aurich", "03452", "ni"), ("peine", "03157", "ni"), ("stade", "03359", "ni"), ("verden", "03361", "ni"),
    ("cuxhaven", "03352", "ni"), ("nordhorn", "03456", "ni"), ("hameln", "03252", "ni"), ("uelzen", "03360", "ni"),
)  # fmt: skip
ACTIVITIES = (
    "29.32",
    "29.31",
    "29.20",
    "25.62",
    "28.41",
    "22.29",
    "62.10",
    "71.12",
    "46.69",
    "52.26",
    "27.20",
    "24.51",
)
ROLES = ("tier2", "tier2", "tier3", "tier3", "tier1", "service", "service", "oem")
CLUSTERS = ("ITS", "ANW", "EMS", "AUTOS")

_KEY = "('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"
_FUNCTIONS = """
create schema if not exists bench;
-- 0 to 1, the same for the same numbers; squared it prefers the first of a list, as towns and words are distributed.
create or replace function bench.chance(n bigint, of int) returns float8 language sql immutable
    return (hashint8extended(n, of) & 9007199254740991)::float8 / 9007199254740992;
create or replace function bench.any_of(list text[], part float8) returns text language sql immutable
    return list[1 + floor(part * cardinality(list))::int];
create or replace function bench.word(list text[], n bigint, of int) returns text language sql immutable
    return bench.any_of(list, bench.chance(n, of)) || bench.any_of(list, bench.chance(n, of + 1))
        || bench.any_of(list, bench.chance(n, of + 2) ^ 2);
"""
_MADE = f"""
insert into registry.directory (organisation_id, sequence, responsible_state, kind, status, legal_name, sort_name,
                                search_text, name_end, former_end, facets, facets_edition, facets_of, competences,
                                clusters, data, changed_at)
select {_KEY}, 1, state, kind, status, initcap(name), name, words || ' ' || place || ' c' || n || ' ' || n,
       length(words), length(words),
       array['s:' || state, 'k:' || kind, 't:' || status, 'd:' || ags, 'z:' || size]
           || array(select 'c:' || code from unnest(codes) as code)
           || array(select distinct 'c:' || split_part(code, '-', 1) from unnest(codes) as code)
           || array['a:WZ2025:' || left(activity, 2), 'a:WZ2025:' || left(activity, 4), 'r:' || role]
           || case when bench.chance(n, 30) < 0.03 then array['m:' || bench.any_of($7, bench.chance(n, 31))]
                   else '{{}}' end,
       1, 1, codes, '{{}}',
       jsonb_build_object(
           'organisation_id', {_KEY}, 'responsible_state', state, 'kind', kind, 'status', status,
           'legal_name', initcap(name), 'own_id', 'c' || n, 'changed_at', '2026-11-01T08:00:00Z',
           'seat', jsonb_build_object('place', initcap(place), 'state', 'DE-' || upper(state), 'ags', ags),
           'competences', to_jsonb(codes), 'roles', jsonb_build_array(role), 'profile', repeat('x', 400)),
       timestamptz '2020-01-01T00:00:00Z' + interval '60 seconds' * n
  from (select *, ' ' || array_to_string(array(select distinct unnest(string_to_array(name, ' '))), ' ') as words
          from (select n, split_part(town, ' ', 1) as place, split_part(town, ' ', 2) as ags,
                       split_part(town, ' ', 3) as state,
                       'beispiel ' || bench.word($3, n, 1) || ' ' || bench.any_of($4, bench.chance(n, 5) ^ 2) || ' '
                           || case when bench.chance(n, 6) < 0.3 then bench.word($3, n, 7) || ' ' else '' end
                           || bench.any_of($5, bench.chance(n, 10)) as name,
                       case when bench.chance(n, 11) < 0.96 then 'company' else 'research' end as kind,
                       case when bench.chance(n, 12) < 0.93 then 'active' else 'deactivated' end as status,
                       bench.any_of(array['micro', 'micro', 'small', 'small', 'medium', 'large', 'none'],
                                    bench.chance(n, 13)) as size,
                       bench.any_of($6, bench.chance(n, 14) ^ 2) as activity,
                       bench.any_of($8, bench.chance(n, 15)) as role,
                       array(select distinct bench.any_of($9, bench.chance(n, 16 + place) ^ 2)
                               from generate_series(1, 3) as place) as codes
                  from generate_series($1::bigint + 1, $2::bigint) as n,
                       lateral (select bench.any_of($10, bench.chance(n, 20) ^ 3) as town offset 0) as at
                offset 0) as chosen
        offset 0) as made
"""  # noqa: S608 - constants
_NUMBERS = f"""
insert into registry.directory_number (organisation_id, kind, value, held)
select {_KEY}, kind,
       case kind when 'euid' then 'DEH1101.HRB' || n || 'HB' when 'register' then 'H1101|HRB|' || n || '|HB|'
                 when 'number' then 'HRB' || n || 'HB' when 'widnr' then 'DE' || (100000000 + n) || '-00001'
                 else 'c' || n end, kind in ('euid', 'register', 'widnr')
  from generate_series($1::bigint + 1, $2::bigint) as n,
       unnest(array['euid', 'register', 'number', 'widnr', 'own']) as kind
"""  # noqa: S608
_WORDS = """
insert into registry.directory_word (word)
select distinct word from registry.directory, unnest(string_to_array(ltrim(search_text), ' ')) as word
 where length(word) between 3 and 40 and word !~ '[0-9]' on conflict do nothing
"""
BULKY = (
    "directory_words",
    "directory_name_words",
    "directory_sort",
    "directory_state_sort",
    "directory_changed",
    "directory_counts",
    "directory_number_value",
)
_READ = "update registry.search_position set seen = pg_current_snapshot()"


async def fill(dsn: str, rows: int) -> None:
    """Fill the directory, its numbers and the vocabulary; ends with a vacuum and a checkpoint."""
    connection = await filling.connect(dsn)
    try:
        await connection.execute(_FUNCTIONS)
        definitions = await filling.take_away(connection, "registry", BULKY)
        for first in range(0, rows, CHUNK_ROWS):
            last = min(rows, first + CHUNK_ROWS)
            await connection.execute(_MADE, first, last, *_lists())
            await connection.execute(_NUMBERS, first, last)
        for definition in definitions:
            await connection.execute(definition)
        await connection.execute(_WORDS)
        await connection.execute(_READ)
        await connection.execute(
            "vacuum analyze registry.directory, registry.directory_number, registry.directory_word"
        )
        await connection.execute("checkpoint")
    finally:
        await connection.close()


def _lists() -> Sequence[Sequence[str]]:
    narrower = [code for code in sorted(competences()) if "-" in code]
    towns = [" ".join(place) for place in PLACES]
    return SYLLABLES, TRADES, FORMS, ACTIVITIES, CLUSTERS, ROLES, narrower, towns


async def names(dsn: str, numbers: Sequence[int]) -> list[str]:
    """The folded names of these companies."""
    keys = [filling.key_of(number) for number in numbers]
    rows = await filling.execute(
        dsn,
        "select sort_name from registry.directory where organisation_id = any($1::uuid[]) order by organisation_id",
        keys,
    )
    return [row["sort_name"] for row in rows]


def slipped(word: str, chance: random.Random) -> str:
    """The word with one slip: a letter left out, doubled, another, or two in the wrong order."""
    place = chance.randrange(1, len(word) - 1)
    return chance.choice(
        (
            word[:place] + word[place + 1 :],
            word[:place] + word[place] + word[place:],
            word[:place] + chance.choice("aeiou") + word[place + 1 :],
            word[:place] + word[place + 1] + word[place] + word[place + 2 :],
        )
    )
