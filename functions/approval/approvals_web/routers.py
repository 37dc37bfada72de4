"""The routers of the API, of the sign-in and of the pages: every route that this function has."""

from functions.approval.approvals_web.api import approvals as approvals_api
from functions.approval.approvals_web.api import delegations as delegations_api
from functions.approval.approvals_web.api import search as search_api
from functions.approval.approvals_web.api import votes as votes_api
from functions.approval.approvals_web.pages import approvals as approval_pages
from functions.approval.approvals_web.pages import delegations as delegation_pages
from functions.approval.approvals_web.pages import search as search_pages
from functions.approval.approvals_web.pages import votes as vote_pages
from functions.approval.approvals_web.sign_in import routes as sign_in

ROUTERS = (
    approvals_api.router,
    delegations_api.router,
    search_api.router,
    votes_api.router,
    sign_in.router,
    approval_pages.router,
    vote_pages.router,
    search_pages.router,
    delegation_pages.router,
)
