DELETE FROM reply_lease WHERE partition = $2::integer AND holder = $1::text
