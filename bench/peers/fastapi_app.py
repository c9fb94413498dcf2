"""Bare FastAPI with the hand-written path: no schema, no log, no registry."""

from by_hand import predict
from fastapi import FastAPI, Request

app = FastAPI()


@app.post("/invocations")
async def invocations(request: Request) -> dict[str, list[float]]:
    return {"predictions": predict((await request.json())["dataframe_records"])}


@app.get("/ping")
async def ping() -> str:
    return "ok"
