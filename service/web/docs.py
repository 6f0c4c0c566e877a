"""The page that shows the OpenAPI description."""

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
