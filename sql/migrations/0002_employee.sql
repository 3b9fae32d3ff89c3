-- The latest state of each employee: the greatest (event_time, topic_rank, generation,
-- source_offset). The attributes are those of the shipped features file; `retentionctl migrate` adds
-- the columns of another one.

CREATE TABLE employee (
    employee_id      text PRIMARY KEY,
    event_id         text NOT NULL,
    event_time       timestamptz NOT NULL,
    change           text NOT NULL,
    source           text NOT NULL,
    requested_by     text,
    topic_rank       smallint NOT NULL, -- at equal event times the HR system's word beats a request's
    generation       integer NOT NULL,  -- of the topic
    source_partition integer NOT NULL,
    source_offset    bigint NOT NULL,
    left_at          timestamptz,       -- event_time of `left` or `erased`; null: still there

    age                        integer,
    business_travel            text,
    daily_rate                 integer,
    department                 text,
    distance_from_home         integer,
    education                  integer,
    education_field            text,
    environment_satisfaction   integer,
    gender                     text,
    hourly_rate                integer,
    job_involvement            integer,
    job_level                  integer,
    job_role                   text,
    job_satisfaction           integer,
    marital_status             text,
    monthly_income             integer,
    monthly_rate               integer,
    num_companies_worked       integer,
    over_time                  text,
    percent_salary_hike        integer,
    performance_rating         integer,
    relationship_satisfaction  integer,
    stock_option_level         integer,
    total_working_years        integer,
    training_times_last_year   integer,
    work_life_balance          integer,
    years_at_company           integer,
    years_in_current_role      integer,
    years_since_last_promotion integer,
    years_with_curr_manager    integer,

    CHECK (change IN ('created', 'updated', 'left', 'erased')),
    CHECK ((left_at IS NOT NULL) = (change IN ('left', 'erased')))
) WITH (fillfactor = 80);
