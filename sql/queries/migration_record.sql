INSERT INTO schema_migrations (version, name, sha256)
VALUES ($1::integer, $2::text, $3::text)
