"""Where settings come from beside the environment: files that it names, the way Kubernetes mounts secrets."""

from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource

PREFIX = "SIGNET_"


class FileSource(EnvSettingsSource):
    """Reads `SIGNET_X` from the file named by `SIGNET_X_FILE`, the way Kubernetes mounts secrets."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        if f"{field_name}_file" not in self.settings_cls.model_fields:
            return None, field_name, False
        named, _, _ = super().get_field_value(field, f"{field_name}_file")
        if not named:
            return None, field_name, False
        variable = f"{PREFIX}{field_name.upper()}"
        if super().get_field_value(field, field_name)[0]:
            raise ValueError(f"{variable} and {variable}_FILE are both set; keep one of them")
        return _content(f"{variable}_FILE", Path(named)), field_name, False


def _content(variable: str, file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"{variable}: {file} can't be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError(f"{variable}: {file} is not text in UTF-8") from None
    if not text:
        raise ValueError(f"{variable}: {file} is empty")
    return text
