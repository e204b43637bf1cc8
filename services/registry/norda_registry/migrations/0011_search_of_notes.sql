-- What the search page asks for beside organisations: notes by the beginnings of their words.

-- Both what is kept and what is typed is folded here, as rules/names.py folds: Größe is found by groesse and
-- grosse. No column holds it.
create function folded_words(line text) returns text[] immutable parallel safe language sql return
    string_to_array(btrim(regexp_replace(regexp_replace(regexp_replace(
        normalize(replace(replace(replace(replace(
            lower(normalize(line, nfc) collate "und-x-icu"), 'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue'), 'ß', 'ss'), nfd),
        '[\u0300-\u036f]', '', 'g'),
        '[^[:alnum:]]+', ' ', 'g'),
        '([^ ]{100})[^ ]+', '\1', 'g')), ' ');
comment on function folded_words is 'The words of a text: lower case, umlauts spelt out, other marks dropped, of each 100 letters.';
create function kept_words(line text) returns text[] immutable parallel safe language sql return
    folded_words(line) || folded_words(translate(normalize(line, nfc), 'äöüÄÖÜ', 'aouAOU'));
comment on function kept_words is 'By which words a line is found: those with umlauts also as people write them who have none.';
create function beginnings(typed text) returns tsquery immutable parallel safe language sql return
    (select string_agg(word || ':*', ' & ')::tsquery from unnest((folded_words(typed))[1:10]) as word);
comment on function beginnings is 'Each word that was typed, or its beginning; null without a word.';

create index note_words on note using gin (array_to_tsvector(kept_words(text)));

-- The policy of reading and the words together: behind a policy no index is asked for words. Of words that very many notes
-- have a thousand are looked at.
create function notes_about(typed text, most int) returns setof uuid stable security definer language sql
begin atomic
    select found.id
    from (select n.id from note as n
          where array_to_tsvector(kept_words(n.text)) @@ (select beginnings(typed))
            and shows_note(n.state, n.visibility, n.author)
          limit 1000) as found
    order by found.id desc
    limit most;
end;
comment on function notes_about is 'The newest notes the caller may read (policy read) that have words which begin so.';
