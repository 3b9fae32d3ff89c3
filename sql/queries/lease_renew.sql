UPDATE reply_lease
SET leased_until = now() + $3::bigint * interval '1 ms'
WHERE partition = $2::integer AND holder = $1::text
