-- Store labels, one a user.
SELECT added, corrected FROM record_outcomes(
    %(user_ids)s::text[], %(revenues)s::double precision[], %(times)s::timestamptz[]
)
