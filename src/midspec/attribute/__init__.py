"""Attribution: which documents, clauses and document types made the difference?"""
