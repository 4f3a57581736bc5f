"""A shop that loses no order: an order and the job of its mail are one transaction.

POST /orders     INSERT the order, put the job of its mail     one commit, then the answer
a worker         sends the mail, acknowledges the job          again, if the program died in between

settings.py      where the files are
orders.py        the table of orders
reports.py       the nightly report, a cron job that puts a mail
mails.py         the worker that sends mails, and the mail server that it talks to: a folder
application.py   the supervision tree
web.py           the web application
"""
