"""Hugging Face's hub, by its own library, `huggingface_hub`, which is optional.

`HF_ENDPOINT` is the address of another hub, as for that library.
"""

import os
import pathlib
import re
from typing import Any

PREFIX = "hf://"
_NAME = re.compile(r"([\w.-]+/[\w.-]+)(?:@([^\s@]+))?")


def parse(address: str) -> tuple[str, str | None]:
    """Returns repository and revision of `hf://user/repo@revision`; no revision is `None`.

    Raises:
        ValueError: If the address has another form.
    """
    match = _NAME.fullmatch(address.removeprefix(PREFIX))
    if not match:
        raise ValueError(
            f"`entry` on the hub must be {PREFIX}user/repo or {PREFIX}user/repo@revision. Received: entry={address!r}"
        )
    return match[1], match[2]


def repository_of(name: str) -> str:
    """Returns `user/repo`, also from `hf://user/repo`.

    Raises:
        ValueError: If the name has another form, or a revision.
    """
    match = _NAME.fullmatch(name.removeprefix(PREFIX))
    if not match or match[2]:
        raise ValueError(f"`repository` must be user/repo, without a revision. Received: repository={name!r}")
    return match[1]


def download(repository: str, file: str, revision: str | None) -> pathlib.Path:
    """Returns the path of a file of a repository, in the hub's own cache; it is downloaded where it is not there.

    The folder has the commit's name.

    Raises:
        ImportError: If `huggingface_hub` is not installed.
        FileNotFoundError: If there is no such repository, revision or file.
        ConnectionError: If the download fails.
    """
    library = _library()
    errors = library.errors
    origin = f"{PREFIX}{repository}{f'@{revision}' if revision else ''}"
    try:
        return pathlib.Path(library.hf_hub_download(repository, file, revision=revision, endpoint=_endpoint()))
    except errors.LocalEntryNotFoundError as error:
        raise ConnectionError(f"The download of {file} from {origin} failed: {_cause(error)}") from error
    except errors.GatedRepoError as error:
        raise FileNotFoundError(
            f"The repository asks for an agreement on its page, and for a log-in by `hf auth login`. Received: {origin}"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise FileNotFoundError(
            f"There is no repository {origin}, or it is private: log in by `hf auth login`. Received: {origin}"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise FileNotFoundError(f"The repository has no revision {revision!r}. Received: {origin}") from error
    except errors.EntryNotFoundError as error:
        raise FileNotFoundError(f"The repository has no file {file}. Received: {origin}") from error
    except Exception as error:  # of the libraries that it is made of
        raise ConnectionError(f"The download of {file} from {origin} failed: {_cause(error)}") from error


def upload(folder: pathlib.Path, repository: str, message: str, private: bool = False) -> str:
    """Uploads the files of a folder to a repository, which is made where there is none; returns its address.

    Raises:
        ImportError: If `huggingface_hub` is not installed.
        ConnectionError: If the upload fails, or nobody is logged in who may write there.
    """
    library = _library()
    api = library.HfApi(endpoint=_endpoint())
    try:
        address = api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(repo_id=repository, folder_path=folder, commit_message=message)
    except Exception as error:
        raise ConnectionError(
            f"The upload to {PREFIX}{repository} failed: {_cause(error)} (`hf auth login` logs in who may write there)"
        ) from error
    return str(address)


def _library() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError as error:
        raise ImportError(
            'Hugging Face\'s hub needs the package huggingface_hub: run `pip install "dia_keras[hub]"`.'
        ) from error
    return huggingface_hub


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT")


def _cause(error: BaseException) -> str:
    """Returns what an error says, in one line, or what the error says that caused it."""
    cause = error.__cause__ or error
    return " ".join(str(cause).split()) or type(cause).__name__
