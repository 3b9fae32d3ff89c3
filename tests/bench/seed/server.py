# SPDX-License-Identifier: MIT
"""The peer of tests/bench/gateway: the original's /predict as FastAPI and scikit-learn do it, one uvicorn worker.

Per call, as the original does: the token is checked, pydantic validates the body, a row of `employee` is inserted, the
body becomes a DataFrame, the pipeline (one-hot, then logistic regression: models/attrition.json's own, so that the
answers can be compared) gives the probability, and a row of `predictions_history` is inserted. Both rows are
committed before the answer. SQLAlchemy, psycopg and a synchronous function, which FastAPI runs in its threads.

    python server.py PORT DATABASE-URL TOKEN-SECRET

The tables are made in a schema `seed` of that database."""

import csv
import json
import os
import pathlib
import sys

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # more threads make one row slower
    os.environ[name] = "1"

import jwt  # noqa: E402
import pandas  # noqa: E402
import uvicorn  # noqa: E402
from fastapi import Depends, FastAPI, HTTPException  # noqa: E402
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer  # noqa: E402
from pydantic import create_model  # noqa: E402
from sqlalchemy import DateTime, Float, ForeignKey, Integer, String, create_engine, func, text  # noqa: E402
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column, sessionmaker  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import peers  # noqa: E402

PORT, URL, SECRET = int(sys.argv[1]), sys.argv[2], sys.argv[3]
FIELDS = {attribute["name"]: str if attribute["type"] == "category" else int
          for attribute in json.loads((peers.ROOT / "models/features.json").read_text())["attributes"]}
with open(peers.ROOT / "models/data/employees.csv", encoding="utf-8-sig", newline="") as file:
    PEOPLE = [{name: kind(row[name]) for name, kind in FIELDS.items()} for row in csv.DictReader(file)]
PIPELINE = peers.shipped().pipeline(PEOPLE)[1]


class Base(DeclarativeBase):
    pass


Employee = type("Employee", (Base,), {
    "__tablename__": "employee", "__table_args__": {"schema": "seed"}, "id": mapped_column(Integer, primary_key=True),
    **{name: mapped_column(name, String if kind is str else Integer) for name, kind in FIELDS.items()}})


class History(Base):
    __tablename__, __table_args__ = "predictions_history", {"schema": "seed"}
    id = mapped_column(Integer, primary_key=True)
    timestamp = mapped_column(DateTime, server_default=func.now())
    user_id = mapped_column(Integer)
    employee_id = mapped_column(ForeignKey("seed.employee.id"))
    probability = mapped_column(Float)


engine = create_engine(URL.replace("postgresql:", "postgresql+psycopg:", 1), pool_size=10, max_overflow=30, pool_timeout=60)
with engine.begin() as connection:
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS seed"))
Base.metadata.create_all(engine)
SessionLocal = sessionmaker(engine)
Body = create_model("Body", **{name: (kind, ...) for name, kind in FIELDS.items()})
app, bearer = FastAPI(), HTTPBearer()


def get_db():
    with SessionLocal() as db:
        yield db


def get_user(credentials: HTTPAuthorizationCredentials = Depends(bearer)):
    try:
        return int(jwt.decode(credentials.credentials, SECRET, algorithms=["HS256"])["sub"])
    except jwt.InvalidTokenError:
        raise HTTPException(401, "invalid token") from None


@app.post("/predict")
def predict(body: Body, user: int = Depends(get_user), db: Session = Depends(get_db)):
    values = body.model_dump()
    employee = Employee(**values)
    db.add(employee)
    db.flush()
    probability = float(PIPELINE.predict_proba(pandas.DataFrame([values]))[0, 1])
    db.add(History(user_id=user, employee_id=employee.id, probability=probability))
    db.commit()
    return {"churn_probability": probability, "employe_id": employee.id}


uvicorn.run(app, host="127.0.0.1", port=PORT, workers=1, timeout_keep_alive=600, log_level="warning", access_log=False)
