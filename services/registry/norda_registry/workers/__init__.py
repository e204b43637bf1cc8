"""What the registry does by itself, one module per noun. Several replicas may run."""

from .confirming import end_links, send_links
from .duplicates import find_suspects
from .imports import work_on_imports
from .privacy import keep_retention, watch_requests
from .searches import follow_directory, keep_facets

WORKERS = (
    work_on_imports,
    keep_retention,
    watch_requests,
    find_suspects,
    end_links,
    send_links,
    keep_facets,
    follow_directory,
)
